//! What a lease guarantees: a running conductor keeps others out, a dead one does not, and no clock of another machine
//! is trusted.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::time::later;
use futures_util::FutureExt;
use jiff::Timestamp;
use tempfile::TempDir;

use super::holder::seen;
use super::*;
use crate::halt::Halt;
use crate::journal::{Journal, JournalError, read as read_journal};
use crate::ports::Clock;
use crate::store::Store;
use crate::testing::{HandClock, at, memory, now, upgrade};

/// A process on a machine whose time the test controls. A sleep ends once the test advances the time.
struct Process {
    identity: Identity,
    wall: Cell<Timestamp>,
    up: Cell<Duration>,
    /// The processes of its machine and namespace, with their starts.
    living: RefCell<Vec<(u32, u64)>>,
}

/// Where the processes of these tests run unless they say otherwise.
fn origin() -> Origin {
    Origin { boot: "boot".to_owned(), pid_namespace: "pid:[1]".to_owned(), started: 1 }
}

impl Process {
    fn of(user: &str, machine: &str, process: u32, origin: Option<Origin>) -> Rc<Self> {
        Rc::new(Self {
            identity: Identity { user: user.to_owned(), machine: machine.to_owned(), process, origin },
            wall: Cell::new(at(0)),
            up: Cell::new(Duration::ZERO),
            living: RefCell::new(vec![(10, 1), (11, 1)]),
        })
    }

    fn pass(&self, seconds: u64) {
        self.wall.set(later(self.wall.get(), Duration::from_secs(seconds)));
        self.up.set(self.up.get() + Duration::from_secs(seconds));
    }
}

#[async_trait(?Send)]
impl Machine for Process {
    fn now(&self) -> Timestamp {
        self.wall.get()
    }

    fn up(&self) -> Duration {
        self.up.get()
    }

    async fn sleep(&self, length: Duration) {
        let until = self.up.get() + length;
        std::future::poll_fn(|_| if self.up.get() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn lives(&self, process: u32, started: u64) -> bool {
        self.living.borrow().contains(&(process, started))
    }

    fn nonce(&self) -> String {
        self.identity.to_string()
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }
}

fn ada() -> Rc<Process> {
    Process::of("ada", "left", 10, Some(origin()))
}

/// Another process of ada's machine.
fn bob() -> Rc<Process> {
    Process::of("bob", "left", 11, Some(origin()))
}

/// A process of another machine.
fn eve() -> Rc<Process> {
    let origin = Origin { boot: "another".to_owned(), ..origin() };
    Process::of("eve", "right", 10, Some(origin))
}

fn begin<'a>(
    store: &'a Store,
    machine: &Rc<Process>,
    take_over: Option<&'a str>,
) -> Pin<Box<dyn Future<Output = Result<Lease, LeaseError>> + 'a>> {
    let machine = Rc::clone(machine) as Rc<dyn Machine>;
    Box::pin(claim(store, Claim { machine, records: 0, epoch: 0, take_over, say: &|_| {} }))
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn claimed(store: &Store, machine: &Rc<Process>) -> Lease {
    now(begin(store, machine, None)).expect("it is free")
}

fn assert_held(store: &Store, machine: &Rc<Process>) {
    let error = now(begin(store, machine, None)).err().expect("it is held");
    let LeaseError::Held { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(holder.identity, ada().identity);
    let words =
        "ada@left (process 10) conducts this upgrade: its process is on this machine (if it will not go on, kill it)";
    assert_eq!(error.to_string(), words);
    assert!(error.hint().contains("`cutover status` shows what that conductor is doing"), "{}", error.hint());
}

fn journal(store: &Store) -> Journal {
    let reading = now(read_journal(store)).expect("the journal is consistent");
    Journal::open(store.clone(), reading, HandClock::new(), 1, "n".to_owned(), Rc::new(|_| {}))
}

#[test]
fn the_first_lease_has_epoch_one() {
    let store = memory();
    assert_eq!(claimed(&store, &ada()).epoch, 1);
    let (epoch, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    assert_eq!((epoch, holder.identity, holder.until), (1, ada().identity(), at(90)));
}

#[test]
fn a_living_conductor_on_this_machine_keeps_others_out_for_as_long_as_it_lives() {
    let store = memory();
    claimed(&store, &ada());
    let bob = bob();
    bob.pass(100_000);
    assert_held(&store, &bob);
}

#[test]
fn a_dead_conductor_on_this_machine_is_succeeded_immediately() {
    let store = memory();
    claimed(&store, &ada());
    let bob = bob();
    bob.living.borrow_mut().retain(|(process, _)| *process != 10);
    assert_eq!(claimed(&store, &bob).epoch, 2);
}

#[test]
fn a_process_number_that_was_reused_is_no_sign_that_the_holder_is_running() {
    let store = memory();
    claimed(&store, &ada());
    let bob = bob();
    *bob.living.borrow_mut() = vec![(10, 999), (11, 1)];
    assert_eq!(claimed(&store, &bob).epoch, 2);
}

#[test]
fn a_process_that_cannot_be_seen_from_here_is_not_taken_for_dead() {
    let elsewhere = [
        ("another namespace", Some(Origin { pid_namespace: "pid:[2]".to_owned(), ..origin() })),
        ("another boot", Some(Origin { boot: "another".to_owned(), ..origin() })),
        ("a machine that cannot tell", None),
    ];
    for (what, origin) in elsewhere {
        let store = memory();
        claimed(&store, &ada());
        // It has the same host name, and no process of that number.
        let other = Process::of("bob", "left", 11, origin);
        other.living.borrow_mut().clear();
        let mut claim = begin(&store, &other, None);
        assert!(poll(&mut claim).is_pending(), "{what}");
    }
}

#[test]
fn a_conductor_on_another_machine_is_succeeded_once_its_lease_has_not_changed_for_a_lease_and_an_attempt() {
    let store = memory();
    claimed(&store, &ada());
    let eve = eve();
    let mut claim = begin(&store, &eve, None);
    for _ in 0..36 {
        assert!(poll(&mut claim).is_pending());
        eve.pass(3);
    }
    assert!(poll(&mut claim).is_pending(), "108 seconds are too few");
    eve.pass(3);
    let Poll::Ready(Ok(lease)) = poll(&mut claim) else { panic!("111 seconds are enough") };
    assert_eq!(lease.epoch, 2);
}

#[test]
fn the_clock_of_the_holders_machine_is_not_trusted() {
    let store = memory();
    let ada = ada();
    // Its clock is a day behind, so that its lease seems to have lapsed long ago.
    ada.wall.set(cutover_core::time::earlier(at(0), Duration::from_secs(86_400)));
    let lease = claimed(&store, &ada);
    let eve = eve();
    let mut claim = begin(&store, &eve, None);
    assert!(poll(&mut claim).is_pending());
    ada.pass(15);
    assert!(now(lease.renew(0)).expect("it can be written").is_none());
    eve.pass(3);
    let Poll::Ready(Err(error)) = poll(&mut claim) else { panic!("it is alive") };
    assert_eq!(error.to_string(), "ada@left (process 10) conducts this upgrade: it has just renewed its lease");
}

#[test]
fn after_a_holder_resumes_at_the_moment_of_the_claim_its_lease_must_expire_before_anything_is_done() {
    let store = memory();
    let (ada, eve) = (ada(), eve());
    let lease = claimed(&store, &ada);
    let seen = now(seen(&store)).expect("it can be read").expect("there is one");
    // Ada renews after eve's last look at her lease, and before eve's claim shows.
    ada.pass(111);
    assert!(now(lease.renew(0)).expect("it can be written").is_none());
    let machine = Rc::clone(&eve) as Rc<dyn Machine>;
    let claim = Claim { machine, records: 0, epoch: 0, take_over: None, say: &|_| {} };
    let mut waits = Box::pin(claim::outlive(&store, &seen, &claim));
    eve.pass(89);
    assert!(poll(&mut waits).is_pending(), "ada may still write");
    eve.pass(90);
    assert!(poll(&mut waits).is_ready());
}

#[test]
fn a_holder_whose_next_epoch_was_claimed_notices_when_it_renews() {
    let store = memory();
    let (ada, eve) = (ada(), eve());
    let lease = claimed(&store, &ada);
    let mut claim = begin(&store, &eve, None);
    assert!(poll(&mut claim).is_pending());
    eve.pass(111);
    let Poll::Ready(Ok(_)) = poll(&mut claim) else { panic!("it stood still") };
    ada.pass(111);
    let lost = now(lease.renew(0)).expect("it can be written").expect("it is lost");
    assert_eq!(lost.to_string(), "eve@right (process 10) has taken this upgrade over (epoch 2)");
}

#[test]
fn a_conductor_that_names_the_holder_succeeds_it_immediately_and_no_other_does() {
    for named in ["ada@left", "ada@left (process 10)"] {
        let store = memory();
        claimed(&store, &ada());
        assert_eq!(now(begin(&store, &eve(), Some(named))).expect("it is named").epoch, 2);
    }
    for named in ["", "bob@left", "ada", "ada@left (process 11)"] {
        let store = memory();
        claimed(&store, &ada());
        let error = now(begin(&store, &eve(), Some(named))).err().expect("another conductor holds it");
        assert_eq!(error.to_string(), format!("ada@left (process 10) holds the lease, and not {named}"));
    }
}

#[test]
fn a_process_does_not_keep_itself_out() {
    let store = memory();
    let ada = ada();
    assert_eq!(claimed(&store, &ada).epoch, 1);
    assert_eq!(claimed(&store, &ada).epoch, 2);
}

#[test]
fn a_lease_that_was_released_can_be_claimed_immediately() {
    let store = memory();
    now(claimed(&store, &ada()).release(7)).expect("it can be written");
    let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    assert_eq!((holder.released, holder.records), (true, 7));
    assert_eq!(claimed(&store, &eve()).epoch, 2);
}

#[test]
fn epochs_increase_and_the_last_one_is_valid() {
    let store = memory();
    for epoch in 1..=12 {
        let lease = claimed(&store, &ada());
        assert_eq!(lease.epoch, epoch);
        now(lease.release(0)).expect("it can be written");
    }
    let (epoch, _) = now(last(&store)).expect("it can be read").expect("there is one");
    assert_eq!(epoch, 12);
}

#[test]
fn a_lease_of_an_older_program_is_watched_like_one_from_another_machine() {
    let store = memory();
    let text = r#"{"user":"ada","machine":"left","process":10,"until":"2021-01-04T09:00:30Z"}"#;
    now(store.create("lease/00000001.json", text.into())).expect("it can be written");
    let bob = bob();
    let mut claim = begin(&store, &bob, None);
    assert!(poll(&mut claim).is_pending());
    bob.pass(111);
    assert!(matches!(poll(&mut claim), Poll::Ready(Ok(_))));
}

#[test]
fn a_lease_outlasts_an_attempt_until_the_last_twenty_seconds() {
    let store = memory();
    let ada = ada();
    let lease = claimed(&store, &ada);
    ada.pass(70);
    assert!(lease.outlasts_an_attempt());
    ada.pass(1);
    assert!(!lease.outlasts_an_attempt());
    assert!(now(lease.renew(0)).expect("it can be written").is_none());
    assert!(lease.outlasts_an_attempt());
}

#[test]
fn elapsed_time_is_the_larger_one_of_what_the_two_clocks_show() {
    let (store, asleep, set_back) = (memory(), ada(), bob());
    let lease = claimed(&store, &asleep);
    // The machine was suspended: only one of its clocks went on.
    asleep.wall.set(at(80));
    assert!(!lease.outlasts_an_attempt());
    let other = memory();
    let lease = claimed(&other, &set_back);
    set_back.up.set(Duration::from_secs(80));
    set_back.wall.set(cutover_core::time::earlier(at(0), Duration::from_secs(3600)));
    assert!(!lease.outlasts_an_attempt(), "the wall clock was set back");
}

/// Advances the time in small steps while a lease is kept.
fn keep_for<'a>(kept: &mut Pin<Box<dyn Future<Output = Halt> + 'a>>, machine: &Process, seconds: u64) -> Option<Halt> {
    for _ in 0..seconds {
        if let Poll::Ready(halt) = poll(kept) {
            return Some(halt);
        }
        machine.pass(1);
    }
    match poll(kept) {
        Poll::Ready(halt) => Some(halt),
        Poll::Pending => None,
    }
}

#[test]
fn a_lease_that_is_kept_does_not_expire_and_names_the_last_record() {
    let (store, ada) = (memory(), ada());
    let lease = claimed(&store, &ada);
    let journal = journal(&store);
    let mut kept: Pin<Box<dyn Future<Output = Halt>>> = Box::pin(lease.keep(&journal, &|_| {}));
    assert!(keep_for(&mut kept, &ada, 600).is_none());
    let took_over =
        cutover_core::journal::Event::ConductorTookOver { upgrade: upgrade(), conductor: "ada@left".to_owned() };
    now(journal.append(took_over)).expect("it can be written");
    assert!(keep_for(&mut kept, &ada, 16).is_none());
    let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    assert_eq!(holder.records, 1);
    assert!(holder.until > ada.now());
}

#[test]
fn a_lease_is_kept_through_outages_of_the_store_with_one_message_for_each() {
    let (folder, ada) = (TempDir::new().expect("a folder"), ada());
    let store = Store::folder(folder.path(), &upgrade()).expect("a store");
    let lease = claimed(&store, &ada);
    let journal = journal(&store);
    let root = folder.path().join(upgrade().as_str());
    let (leases, aside) = (root.join("lease"), folder.path().join("aside"));
    let complaints = Cell::new(0);
    let tell = |news: News<'_>| {
        assert!(matches!(news, News::NotRenewed(_)));
        complaints.set(complaints.get() + 1);
    };
    let mut kept: Pin<Box<dyn Future<Output = Halt> + '_>> = Box::pin(lease.keep(&journal, &tell));
    for outage in 1..=2 {
        // A file where the folder should be: nothing can be read or written there.
        std::fs::rename(&leases, &aside).expect("it can be moved");
        std::fs::write(&leases, "").expect("it can be written");
        assert!(keep_for(&mut kept, &ada, 40).is_none(), "it goes on");
        assert_eq!(complaints.get(), outage);
        std::fs::remove_file(&leases).expect("it can be removed");
        std::fs::rename(&aside, &leases).expect("it can be moved back");
        assert!(keep_for(&mut kept, &ada, 4).is_none(), "it goes on");
        assert!(lease.since_renewal() < Duration::from_secs(5), "it is renewed again");
    }
}

#[test]
fn a_conductor_that_was_succeeded_notices_at_its_next_renewal_and_leaves_its_successors_lease_alone() {
    let (store, ada) = (memory(), ada());
    let lease = claimed(&store, &ada);
    let journal = journal(&store);
    now(begin(&store, &eve(), Some("ada@left"))).expect("it is named");
    let mut kept: Pin<Box<dyn Future<Output = Halt>>> = Box::pin(lease.keep(&journal, &|_| {}));
    let halt = keep_for(&mut kept, &ada, 20).expect("it is lost");
    assert!(matches!(halt, Halt::Lease(LeaseLost::Superseded { epoch: 2, .. })), "{halt}");
    let (epoch, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    assert_eq!((epoch, holder.identity), (2, eve().identity()));
}

#[test]
fn after_an_unplanned_pause_the_journal_is_checked_first() {
    let (store, ada) = (memory(), ada());
    let lease = claimed(&store, &ada);
    let journal = journal(&store);
    let stood_still = Cell::new(0);
    let tell = |news: News<'_>| {
        assert!(matches!(news, News::StoodStill(length) if length.as_secs() >= 300));
        stood_still.set(stood_still.get() + 1);
    };
    let mut kept: Pin<Box<dyn Future<Output = Halt> + '_>> = Box::pin(lease.keep(&journal, &tell));
    assert!(poll(&mut kept).is_pending());
    ada.pass(300);
    assert!(poll(&mut kept).is_pending(), "no other conductor has continued the journal");
    assert_eq!(stood_still.get(), 1);
    now(store.create("journal/00000001.json", b"{}".to_vec())).expect("it can be written");
    ada.pass(300);
    let Poll::Ready(halt) = poll(&mut kept) else { panic!("another conductor has continued the journal") };
    assert!(matches!(halt, Halt::Journal(JournalError::Fenced { .. })), "{halt}");
}

#[test]
fn a_lease_whose_object_is_gone_is_lost_and_not_written_again() {
    let (folder, ada) = (TempDir::new().expect("a folder"), ada());
    let store = Store::folder(folder.path(), &upgrade()).expect("a store");
    let lease = claimed(&store, &ada);
    std::fs::remove_dir_all(folder.path().join(upgrade().as_str())).expect("it can be removed");
    let lost = now(lease.renew(0)).expect("the store works").expect("it is gone");
    assert!(matches!(lost, LeaseLost::Gone { .. }), "{lost}");
    now(lease.release(0)).expect("nothing is written");
    assert!(!folder.path().join(upgrade().as_str()).exists(), "nothing is created again");
}

#[test]
fn a_damaged_lease_is_no_sign_that_its_holder_is_dead() {
    for damaged in ["", "{}", "{"] {
        let store = memory();
        now(store.create("lease/00000001.json", damaged.into())).expect("it can be written");
        let ada = ada();
        let mut claim = begin(&store, &ada, None);
        assert!(poll(&mut claim).is_pending(), "{damaged:?}");
        ada.pass(111);
        let Poll::Ready(Ok(lease)) = poll(&mut claim) else { panic!("it stood still") };
        assert_eq!(lease.epoch, 2, "its epoch is not used again");
    }
}

#[test]
fn an_epoch_is_higher_than_that_of_the_last_record_even_if_leases_are_lost() {
    let (store, machine) = (memory(), ada());
    let claim = super::claim(&store, Claim { machine, records: 9, epoch: 6, take_over: None, say: &|_| {} });
    assert_eq!(now(claim).expect("it is free").epoch, 7);
}

#[test]
fn setting_the_wall_clock_forward_does_not_make_other_machines_leases_expire() {
    let store = memory();
    claimed(&store, &ada());
    let eve = eve();
    let mut claim = begin(&store, &eve, None);
    assert!(poll(&mut claim).is_pending());
    eve.wall.set(at(86_400));
    eve.up.set(Duration::from_secs(3));
    assert!(poll(&mut claim).is_pending(), "three seconds have passed");
}

#[test]
fn releasing_a_lease_does_not_reduce_its_number_of_records() {
    let store = memory();
    let lease = claimed(&store, &ada());
    assert!(now(lease.renew(9)).expect("it can be written").is_none());
    now(lease.release(3)).expect("it can be written");
    assert_eq!(now(last(&store)).expect("it can be read").expect("there is one").1.records, 9);
}

#[test]
fn other_files_among_the_leases_do_not_prevent_a_claim() {
    let store = memory();
    for name in ["lease/zz", "lease/.DS_Store", "lease/99.json", "lease/old/00000009.json"] {
        now(store.create(name, b"theirs".to_vec())).expect("it can be written");
    }
    assert_eq!(claimed(&store, &ada()).epoch, 1);
}

#[test]
fn a_look_from_another_machine_uses_the_holders_own_time() {
    let (store, eve) = (memory(), eve());
    claimed(&store, &ada());
    let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    assert_eq!(holder.seems_alive(&*eve), Some(true));
    eve.pass(91);
    assert_eq!(holder.seems_alive(&*eve), Some(false));
    assert!(begin(&store, &eve, None).now_or_never().is_none(), "a successor watches the lease first");
}

#[test]
fn a_lease_that_cannot_be_read_says_nothing_about_its_holder() {
    let store = memory();
    now(store.create("lease/00000001.json", b"{".to_vec())).expect("it can be written");
    let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    assert_eq!(holder.seems_alive(&*eve()), None);
}

#[test]
fn a_lease_lasts_until_the_moment_that_it_names() {
    let (store, eve) = (memory(), eve());
    claimed(&store, &ada());
    let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    eve.wall.set(holder.until);
    assert_eq!(holder.seems_alive(&*eve), Some(false));
}

#[test]
fn a_lease_that_has_stood_still_for_a_lease_and_an_attempt_is_not_watched_any_longer() {
    let (store, eve) = (memory(), eve());
    claimed(&store, &ada());
    let mut claim = begin(&store, &eve, None);
    assert!(poll(&mut claim).is_pending());
    eve.pass(110);
    assert!(poll(&mut claim).is_ready());
}

#[test]
fn a_renewal_shows_even_if_the_wall_clock_of_its_holder_stands_still() {
    let (store, ada) = (memory(), ada());
    let lease = claimed(&store, &ada);
    let object = || now(store.read("lease/00000001.json")).expect("it can be read").expect("it is there");
    for _ in 0..2 {
        let before = object();
        assert!(now(lease.renew(0)).expect("it can be written").is_none());
        assert_ne!(object(), before, "a conductor that watches the lease would take its holder for dead");
    }
}

#[test]
fn in_simulated_time_leases_and_attempts_are_measured_by_the_upgrades_own_clock() {
    let clock = HandClock::new();
    let machine = OnClock(Rc::clone(&clock) as Rc<dyn Clock>);
    let begin = Moment::now(&machine);
    now(machine.sleep(Duration::from_secs(20)));
    assert_eq!(clock.now(), at(20));
    assert_eq!((machine.now(), begin.certainly(&machine)), (at(20), Duration::from_secs(20)));
    clock.set(at(0));
    assert_eq!(begin.elapsed(&machine), Duration::ZERO);
}
