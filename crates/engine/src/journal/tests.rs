//! What the journal guarantees: nothing is done because of an event that is not on record, no record is changed or lost
//! unnoticed, and of two conductors one stops.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tempfile::TempDir;

use cutover_core::journal::{Event, RECORD_VERSION, Record, Upgrade};
use cutover_core::progress::{EventNumber, Progress};

use super::*;
use crate::ports::Clock;
use crate::store::{Store, StoreError};
use crate::testing::{HandClock, at, memory, now, upgrade};

fn took_over(conductor: &str) -> Event {
    Event::ConductorTookOver { upgrade: upgrade(), conductor: conductor.to_owned() }
}

fn said(words: &str) -> Event {
    Event::Interrupted { because: words.to_owned() }
}

/// An event that is never possible here, because no phase is under way.
fn illegal() -> Event {
    Event::StepStarted { step: "s".into(), attempt: 1 }
}

/// The journal of a conductor that has read what is on record now.
fn open(store: &Store, epoch: u64, nonce: &str) -> Journal {
    open_heard(store, epoch, nonce, Rc::new(|_| {}))
}

fn open_heard(store: &Store, epoch: u64, nonce: &str, listener: Listener) -> Journal {
    let reading = now(read(store)).expect("the journal is consistent");
    Journal::open(store.clone(), reading, HandClock::new(), epoch, nonce.to_owned(), listener)
}

/// A store with a journal of three records.
fn three_records() -> Store {
    let store = memory();
    let journal = open(&store, 1, "a");
    for event in [took_over("ada@left"), said("one"), said("two")] {
        now(journal.append(event)).expect("it can be written");
    }
    store
}

fn events(store: &Store) -> Vec<Vec<Event>> {
    now(read(store)).expect("the journal is consistent").records.into_iter().map(|record| record.events).collect()
}

fn text(store: &Store, name: &str) -> String {
    let bytes = now(store.read(name)).expect("it can be read").expect("it is there");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn replace(store: &Store, name: &str, text: String) {
    now(store.replace(name, text.into())).expect("it can be written");
}

/// A store with all records except one.
fn without(store: &Store, removed: &str) -> Store {
    let other = memory();
    for name in now(store.list("journal", |_| true)).expect("it can be listed").iter().filter(|name| *name != removed) {
        replace(&other, name, text(store, name));
    }
    other
}

/// Checks that reading fails because `name` is damaged, for a reason that contains `because`.
fn assert_damaged(store: &Store, name: &str, because: &str) {
    let error = now(read(store)).expect_err("it is damaged");
    assert!(matches!(error, JournalError::Store(StoreError::Damaged { .. })), "{error:?}");
    let words = error.to_string();
    assert!(words.starts_with(&format!("{name} in memory is damaged")) && words.contains(because), "{words}");
}

#[test]
fn what_is_appended_is_read_back_in_order() {
    let (store, clock) = (memory(), HandClock::new());
    let reading = now(read(&store)).expect("an empty journal");
    assert_eq!((reading.records.len(), &reading.upgrade), (0, &Upgrade::default()));
    let journal = Journal::open(store.clone(), reading, clock.clone(), 3, "a".to_owned(), Rc::new(|_| {}));
    now(journal.append(took_over("ada@left"))).expect("it can be written");
    clock.set(at(60));
    now(journal.append(said("enough"))).expect("it can be written");

    let reading = now(read(&store)).expect("the journal is consistent");
    assert_eq!(events(&store), [[took_over("ada@left")], [said("enough")]]);
    let places: Vec<_> = reading.records.iter().map(|record| (record.number, record.epoch, record.at)).collect();
    assert_eq!(places, [(1, 3, at(0)), (2, 3, at(60))]);
    assert_eq!(reading.upgrade, *journal.upgrade());
    assert_eq!(reading.upgrade.interrupted.as_deref(), Some("enough"));
}

#[test]
fn a_journal_in_a_folder_is_continued_by_the_next_process() {
    let folder = TempDir::new().expect("a folder");
    for conductor in ["ada@left", "bob@right"] {
        let store = Store::folder(folder.path(), &upgrade()).expect("a store");
        now(open(&store, 1, conductor).append(took_over(conductor))).expect("it can be written");
    }
    let store = Store::folder(folder.path(), &upgrade()).expect("a store");
    assert_eq!(events(&store), [[took_over("ada@left")], [took_over("bob@right")]]);
}

#[test]
fn a_changed_record_is_found_by_the_one_after_it() {
    let store = three_records();
    let name = "journal/00000002.json";
    replace(&store, name, text(&store, name).replace("one", "ten"));
    assert_damaged(&store, "journal/00000003.json", "does not follow the record before it");
}

#[test]
fn a_removed_record_is_noticed() {
    let store = three_records();
    assert_damaged(&without(&store, "journal/00000001.json"), "journal/00000002.json", "record 1 is missing");
    assert_damaged(&without(&store, "journal/00000002.json"), "journal/00000003.json", "record 2 is missing");
}

#[test]
fn a_record_that_was_moved_up_to_close_a_gap_is_found() {
    let store = three_records();
    let moved = text(&store, "journal/00000003.json");
    let store = without(&without(&store, "journal/00000003.json"), "journal/00000002.json");
    replace(&store, "journal/00000002.json", moved);
    assert_damaged(&store, "journal/00000002.json", "does not follow");
}

#[test]
fn a_record_of_an_unknown_version_is_not_guessed_at() {
    let store = three_records();
    replace(&store, "journal/00000002.json", r#"{"version":3,"whatever":"comes"}"#.to_owned());
    assert_damaged(&store, "journal/00000002.json", "its format is version 3, and this cutover knows those up to 2");
}

#[test]
fn garbage_is_damage() {
    for garbage in ["", "{", "not a record", r#"{"version":1}"#, "[]"] {
        let store = three_records();
        replace(&store, "journal/00000003.json", garbage.to_owned());
        assert_damaged(&store, "journal/00000003.json", "");
    }
}

#[test]
fn another_programs_file_among_the_records_is_ignored() {
    let store = three_records();
    for name in ["journal/notes.txt", "journal/.DS_Store", "journal/old/00000004.json", "journal/4.json"] {
        replace(&store, name, "mine".to_owned());
    }
    assert_eq!(events(&store).len(), 3);
}

#[test]
fn a_lost_end_of_the_journal_is_noticed_with_the_lease() {
    let store = three_records();
    let lease = r#"{"user":"ada","machine":"left","process":1,"until":"2021-01-04T09:00:00Z","records":3}"#;
    replace(&store, "lease/00000001.json", lease.to_owned());
    now(read(&store)).expect("all three are there");
    let error = now(read(&without(&store, "journal/00000003.json"))).map(|_| ());
    let cut = without(&store, "journal/00000003.json");
    replace(&cut, "lease/00000001.json", lease.to_owned());
    assert!(error.is_ok(), "without the lease this cannot be noticed");
    let (reading, error) = now(read_as_far_as_possible(&cut));
    assert_eq!(reading.records.len(), 2, "what is readable is read");
    let words = error.expect("its end is missed").to_string();
    assert_eq!(words, "the journal in memory ends at record 2, and 3 were written: its end is lost");
}

#[test]
fn nothing_is_written_after_a_record_that_is_gone() {
    let folder = TempDir::new().expect("a folder");
    let store = Store::folder(folder.path(), &upgrade()).expect("a store");
    let journal = open(&store, 1, "a");
    now(journal.append(took_over("ada@left"))).expect("it can be written");
    std::fs::remove_dir_all(folder.path().join(upgrade().as_str())).expect("it can be removed");
    let error = now(journal.append(said("on"))).expect_err("the state is gone");
    assert!(matches!(error, JournalError::Gone { number: 1, .. }), "{error:?}");
    assert!(!folder.path().join(upgrade().as_str()).exists(), "nothing is created again");
}

#[test]
fn looking_for_a_successor_finds_the_next_record_but_not_ones_own() {
    let store = memory();
    let (first, second) = (open(&store, 1, "a"), open(&store, 2, "b"));
    now(first.check_next_is_free()).expect("no other conductor has written");
    now(second.append(took_over("bob@right"))).expect("it can be written");
    let error = now(first.check_next_is_free()).expect_err("bob has");
    assert!(matches!(error, JournalError::Fenced { number: 1, .. }), "{error:?}");
    now(second.check_next_is_free()).expect("the record is bob's own");
}

#[test]
fn of_two_conductors_the_second_to_append_is_fenced_and_then_broken_for_ever() {
    let store = memory();
    let (first, second) = (open(&store, 1, "a"), open(&store, 2, "b"));
    now(second.append(took_over("bob@right"))).expect("it can be written");

    let error = now(first.append(took_over("ada@left"))).expect_err("the record exists already");
    assert!(matches!(error, JournalError::Fenced { number: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("record 1 is by conductor 2, and this is conductor 1"), "{error}");
    for _ in 0..2 {
        assert!(matches!(now(first.append(said("again"))), Err(JournalError::Broken)));
    }
    now(second.append(said("done"))).expect("the other goes on");
    assert_eq!(events(&store), [[took_over("bob@right")], [said("done")]]);
    assert_eq!(*first.upgrade(), Upgrade::default(), "nothing follows from what is not on record");
}

#[test]
fn two_conductors_of_the_same_epoch_who_write_the_same_words_are_still_two() {
    let store = memory();
    let (first, second) = (open(&store, 1, "a"), open(&store, 1, "b"));
    now(first.append(said("the same"))).expect("it can be written");
    assert!(matches!(now(second.append(said("the same"))), Err(JournalError::Fenced { .. })));
}

#[test]
fn a_conductor_whose_next_record_exists_as_garbage_stops() {
    let store = memory();
    let journal = open(&store, 1, "a");
    replace(&store, "journal/00000001.json", "garbage".to_owned());
    let error = now(journal.append(said("one"))).expect_err("the record exists already");
    assert!(error.to_string().contains("record 1 is not readable"), "{error}");
}

#[test]
fn a_writer_that_finds_its_own_record_after_a_lost_answer_continues() {
    let store = memory();
    // The twin stands for an earlier attempt of the same call: the same bytes under the same name.
    let (twin, journal) = (open(&store, 1, "a"), open(&store, 1, "a"));
    now(twin.append(said("one"))).expect("it can be written");
    now(journal.append(said("one"))).expect("that is its own record");
    now(journal.append(said("two"))).expect("it goes on");
    assert_eq!(events(&store), [[said("one")], [said("two")]]);
}

#[test]
fn nothing_is_written_after_a_failed_write() {
    let folder = TempDir::new().expect("a folder");
    let store = Store::folder(folder.path(), &upgrade()).expect("a store");
    let heard = Rc::new(RefCell::new(0));
    let count = Rc::clone(&heard);
    let journal = open_heard(&store, 1, "a", Rc::new(move |_| *count.borrow_mut() += 1));
    let in_the_way = folder.path().join(upgrade().as_str());
    std::fs::write(&in_the_way, "").expect("a file");
    let error = now(journal.append(said("one"))).expect_err("a file is in the way");
    assert!(error.to_string().starts_with("journal/00000001.json could not be written"), "{error}");

    std::fs::remove_file(&in_the_way).expect("it is there");
    assert!(matches!(now(journal.append(said("two"))), Err(JournalError::Broken)));
    assert_eq!((events(&store).len(), *heard.borrow()), (0, 0));
}

#[test]
fn a_store_that_fails_for_a_few_seconds_does_not_end_the_run() {
    let folder = TempDir::new().expect("a folder");
    let store = Store::folder(folder.path(), &upgrade()).expect("a store");
    let reading = now(read(&store)).expect("an empty journal");
    let in_the_way = folder.path().join(upgrade().as_str());
    std::fs::write(&in_the_way, "").expect("a file");
    let clock = HandClock::new();
    let returns = Rc::new(Returns { clock: Rc::clone(&clock), at: at(5), in_the_way });
    let journal = Journal::open(store.clone(), reading, returns, 1, "a".to_owned(), Rc::new(|_| {}));
    now(journal.append(said("one"))).expect("the store is back");
    assert_eq!(events(&store).len(), 1);
    assert!((at(5)..at(10)).contains(&clock.now()), "{}", clock.now());
}

/// A clock that removes the obstacle in a store's folder when it reaches a certain time.
struct Returns {
    clock: Rc<HandClock>,
    at: jiff::Timestamp,
    in_the_way: std::path::PathBuf,
}

#[async_trait::async_trait(?Send)]
impl Clock for Returns {
    fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    fn up(&self) -> std::time::Duration {
        self.clock.up()
    }

    fn sleep(&self, length: std::time::Duration) -> futures_util::future::LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            self.clock.sleep(length).await;
            if self.clock.now() >= self.at && self.in_the_way.is_file() {
                std::fs::remove_file(&self.in_the_way).expect("it is there");
            }
        })
    }
}

#[test]
fn events_appended_side_by_side_share_a_record_in_their_order() {
    let store = memory();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let listened = Rc::clone(&heard);
    let journal = open_heard(&store, 1, "a", Rc::new(move |progress| listened.borrow_mut().push(progress.clone())));
    let mut context = Context::from_waker(Waker::noop());
    let (mut one, mut two, mut three) =
        (pin!(journal.append(said("one"))), pin!(journal.append(said("two"))), pin!(journal.append(said("three"))));

    // While a record is being written, three steps append. None of their appends returns before its event is recorded.
    let writing = now(journal.writer.lock());
    for append in [&mut one, &mut two, &mut three] {
        assert!(append.as_mut().poll(&mut context).is_pending());
    }
    drop(writing);
    assert!(matches!(one.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    assert_eq!(events(&store), [[said("one"), said("two"), said("three")]]);
    for append in [&mut two, &mut three] {
        assert!(matches!(append.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    }
    let told = [(1, "one"), (2, "two"), (3, "three")].map(|(position, words)| {
        let number = EventNumber { record: 1, position };
        Progress::Recorded { number, at: at(0), event: said(words) }
    });
    assert_eq!(*heard.borrow(), told);
    now(journal.append(said("four"))).expect("it can be written");
    assert_eq!(events(&store).len(), 2, "and nothing was written twice");
}

#[test]
fn a_failed_write_of_a_shared_record_fails_every_append_in_it() {
    let store = memory();
    let (journal, other) = (open(&store, 1, "a"), open(&store, 2, "b"));
    let mut context = Context::from_waker(Waker::noop());
    let (mut one, mut two) = (pin!(journal.append(said("one"))), pin!(journal.append(said("two"))));
    let writing = now(journal.writer.lock());
    for append in [&mut one, &mut two] {
        assert!(append.as_mut().poll(&mut context).is_pending());
    }
    now(other.append(took_over("bob@right"))).expect("it can be written");
    drop(writing);
    assert!(matches!(one.as_mut().poll(&mut context), Poll::Ready(Err(JournalError::Fenced { .. }))));
    assert!(matches!(two.as_mut().poll(&mut context), Poll::Ready(Err(JournalError::Broken))));
}

#[test]
fn the_listener_is_called_with_events_only_once_they_are_on_record() {
    let store = memory();
    let (heard, listened, seen) = (Rc::new(RefCell::new(Vec::new())), RefCell::new(0), store.clone());
    let told = Rc::clone(&heard);
    let listener: Listener = Rc::new(move |progress| {
        let Progress::Recorded { event, .. } = progress else { panic!("{progress:?}") };
        *listened.borrow_mut() += 1;
        assert_eq!(events(&seen).concat()[..*listened.borrow()].last(), Some(event), "it is in the store");
        told.borrow_mut().push(event.clone());
    });
    let journal = open_heard(&store, 1, "a", listener);
    for words in ["one", "two", "three"] {
        now(journal.append(said(words))).expect("it can be written");
    }
    assert_eq!(*heard.borrow(), ["one", "two", "three"].map(said));
}

#[test]
fn what_steps_wait_for_is_reported_and_not_recorded() {
    let store = memory();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&heard);
    let journal = open_heard(&store, 1, "a", Rc::new(move |progress| told.borrow_mut().push(progress.clone())));
    journal.mention(&"s".into(), "7 of 18 hosts");
    let waiting = Progress::Waiting { at: at(0), step: "s".into(), detail: "7 of 18 hosts".to_owned() };
    assert_eq!((heard.borrow().as_slice(), events(&store).len()), ([waiting].as_slice(), 0));
}

#[test]
fn an_illegal_event_is_refused_and_never_recorded() {
    let store = three_records();
    let journal = open(&store, 2, "b");
    let error = now(journal.append(illegal())).expect_err("no phase is under way");
    assert!(matches!(error, JournalError::Illegal(_)), "{error:?}");
    assert!(
        matches!(now(journal.append(said("more"))), Err(JournalError::Broken)),
        "its conductor is not to be trusted"
    );
    assert_eq!(events(&store).len(), 3, "the journal can still be read");
}

#[test]
fn a_journal_with_an_illegal_event_is_inconsistent() {
    let store = memory();
    let record = Record {
        version: RECORD_VERSION,
        number: 1,
        epoch: 1,
        nonce: "a".to_owned(),
        previous: None,
        at: at(0),
        events: vec![illegal()],
    };
    replace(&store, "journal/00000001.json", serde_json::to_string(&record).expect("JSON"));
    assert!(matches!(now(read(&store)), Err(JournalError::Illegal(_))));
}

#[test]
fn reading_continues_after_the_records_that_were_read_before() {
    let store = three_records();
    let mut reading = now(read(&store)).expect("it can be read");
    assert_eq!(now(read_more(&store, &mut reading)).expect("it can be read"), 0);
    let journal = open(&store, 2, "b");
    for words in ["four", "five"] {
        now(journal.append(said(words))).expect("it can be written");
    }
    assert_eq!(now(read_more(&store, &mut reading)).expect("it can be read"), 2);
    let whole = now(read(&store)).expect("it can be read");
    assert_eq!((reading.records, reading.upgrade), (whole.records, whole.upgrade));
}

#[test]
fn records_read_from_any_number_are_those_of_the_whole_journal() {
    let store = three_records();
    let whole = now(read(&store)).expect("it can be read").records;
    for number in 0..=5 {
        let wanted: Vec<Record> = whole.iter().filter(|record| record.number >= number).cloned().collect();
        assert_eq!(now(records_from(&store, number)).expect("it can be read"), wanted, "from {number}");
    }
}

#[test]
fn a_record_that_does_not_follow_on_the_one_before_is_noticed_wherever_reading_begins() {
    let store = three_records();
    let mut reading = Reading::default();
    assert_eq!(now(read_more(&store, &mut reading)).expect("it can be read"), 3);
    let other = memory();
    now(open(&other, 1, "z").append(said("other"))).expect("it can be written");
    let bytes = now(other.read("journal/00000001.json")).expect("readable").expect("it is there");
    replace(&store, "journal/00000002.json", String::from_utf8(bytes.to_vec()).expect("text"));
    assert!(now(records_from(&store, 3)).is_err(), "record 2 is not what record 3 follows on");
    assert!(now(records_from(&store, 2)).is_err(), "record 2 does not follow on record 1");
}

#[test]
fn a_conductor_knows_its_epoch_and_how_many_records_there_are() {
    let journal = open(&three_records(), 4, "b");
    assert_eq!((journal.epoch(), journal.records()), (4, 3));
    now(journal.append(said("three"))).expect("it can be written");
    assert_eq!(journal.records(), 4);
}
