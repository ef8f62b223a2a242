//! What the gate guarantees: a conductor that may not write any more starts no attempt, no attempt lasts longer than
//! its limit, and each one is counted.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::journal::Event;
use cutover_core::time::later;
use jiff::Timestamp;

use super::*;
use crate::failure::FailureClass;
use crate::halt::{Halt, WriteError};
use crate::journal::{Journal, JournalError, read};
use crate::lease::{Claim, Identity, Lease, LeaseLost, Machine, claim};
use crate::ports::Answer;
use crate::store::Store;
use crate::testing::{HandClock, at, memory, now, upgrade};

/// A machine whose time a test controls.
struct Watch(Cell<Duration>);

#[async_trait(?Send)]
impl Machine for Watch {
    fn now(&self) -> Timestamp {
        later(at(0), self.0.get())
    }

    fn up(&self) -> Duration {
        self.0.get()
    }

    async fn sleep(&self, length: Duration) {
        let until = self.0.get() + length;
        std::future::poll_fn(|_| if self.0.get() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn lives(&self, _process: u32, _started: u64) -> bool {
        false
    }

    fn is_suspended(&self, _process: u32, _started: u64) -> bool {
        false
    }

    fn nonce(&self) -> String {
        "n".to_owned()
    }

    fn identity(&self) -> Identity {
        Identity { user: "ada".to_owned(), machine: "left".to_owned(), process: 1, origin: None }
    }
}

/// A gate of the conductor that holds the lease on `store`.
struct Stage {
    folder: tempfile::TempDir,
    store: Store,
    machine: Rc<Watch>,
    lease: Rc<Lease>,
    gate: Gate,
}

impl Stage {
    fn new() -> Self {
        let (folder, machine) = (tempfile::TempDir::new().expect("a folder"), Rc::new(Watch(Cell::default())));
        let store = Store::folder(folder.path(), &upgrade()).expect("a store");
        let claiming = Claim { machine: Rc::clone(&machine) as _, records: 0, epoch: 4, take_over: None, say: &|_| {} };
        let lease = Rc::new(now(claim(&store, claiming)).expect("it is free"));
        let reading = now(read(&store)).expect("the journal is consistent");
        let journal =
            Journal::open(store.clone(), reading, HandClock::new(), lease.epoch, "n".to_owned(), Rc::new(|_| {}));
        let gate = Gate::new(Authority::Lease(Rc::clone(&lease)), Rc::new(journal), Rc::clone(&machine) as _);
        Self { folder, store, machine, lease, gate }
    }

    fn pass(&self, seconds: u64) {
        self.machine.0.set(self.machine.0.get() + Duration::from_secs(seconds));
    }
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

async fn answers(_permit: &Permit) -> Answer<u32> {
    Ok(7)
}

#[test]
fn an_attempt_is_made_while_the_lease_will_outlast_it() {
    let stage = Stage::new();
    stage.pass(70);
    assert!(matches!(now(stage.gate.write("call", answers)), Ok(7)));
}

#[test]
fn an_attempt_that_the_lease_might_not_outlast_waits_for_the_renewal() {
    let stage = Stage::new();
    stage.pass(71);
    let mut write = Box::pin(stage.gate.write("call", answers));
    assert!(poll(&mut write).is_pending());
    assert!(now(stage.lease.renew(0)).expect("it can be written").is_none());
    stage.pass(1);
    assert!(matches!(poll(&mut write), Poll::Ready(Ok(7))));
}

#[test]
fn a_lease_that_cannot_be_renewed_ends_the_run_and_not_only_the_call() {
    let stage = Stage::new();
    stage.pass(71);
    let made = Cell::new(false);
    let mut write = Box::pin(stage.gate.write("call", async |_: &Permit| {
        made.set(true);
        Ok(())
    }));
    let halt = loop {
        match poll(&mut write) {
            Poll::Ready(Err(WriteError::Halt(halt))) => break halt,
            Poll::Ready(other) => panic!("{other:?}"),
            Poll::Pending => stage.pass(1),
        }
    };
    assert!(matches!(halt, Halt::Lease(LeaseLost::NotRenewed { .. })), "{halt}");
    assert!(!made.get());
}

#[test]
fn an_unreadable_journal_is_reported_as_the_reason_if_the_lease_was_renewed() {
    let stage = Stage::new();
    // A link to itself cannot be read, and is not missing either.
    let journal = stage.folder.path().join(upgrade().as_str()).join("journal");
    std::fs::create_dir_all(&journal).expect("made");
    std::os::unix::fs::symlink("00000001.json", journal.join("00000001.json")).expect("made");
    let mut write = Box::pin(stage.gate.write("call", answers));
    let halt = loop {
        match poll(&mut write) {
            Poll::Ready(Err(WriteError::Halt(halt))) => break halt,
            Poll::Ready(other) => panic!("{other:?}"),
            Poll::Pending => {
                stage.pass(1);
                assert!(now(stage.lease.renew(0)).expect("it can be written").is_none());
            }
        }
    };
    assert!(matches!(halt, Halt::Journal(JournalError::Store(_))), "{halt}");
}

#[test]
fn a_conductor_is_quiet_once_every_attempt_has_ended_and_not_when_one_was_dropped() {
    let stage = Stage::new();
    assert!(matches!(now(stage.gate.write("call", answers)), Ok(7)));
    assert!(stage.gate.is_quiet());
    let mut write = Box::pin(stage.gate.write("call", async |_: &Permit| std::future::pending::<Answer<()>>().await));
    assert!(poll(&mut write).is_pending());
    assert!(!stage.gate.is_quiet());
    drop(write);
    assert!(!stage.gate.is_quiet());
}

#[test]
fn no_attempt_is_started_once_another_conductor_has_continued_the_journal() {
    let stage = Stage::new();
    assert!(matches!(now(stage.gate.write("call", answers)), Ok(7)));
    now(stage.store.create("journal/00000001.json", b"{}".to_vec())).expect("it can be written");
    // Two seconds later, and much later.
    for seconds in [2, 50] {
        stage.pass(seconds);
        let made = Cell::new(false);
        let written = now(stage.gate.write("call", async |_: &Permit| {
            made.set(true);
            Ok(())
        }));
        assert!(matches!(written, Err(WriteError::Halt(Halt::Journal(JournalError::Fenced { .. })))), "{written:?}");
        assert!(!made.get());
    }
}

#[test]
fn an_attempt_without_an_answer_in_time_is_in_doubt() {
    let stage = Stage::new();
    let mut write = Box::pin(stage.gate.write("call", async |_: &Permit| std::future::pending::<Answer<()>>().await));
    assert!(poll(&mut write).is_pending());
    stage.pass(19);
    assert!(poll(&mut write).is_pending());
    stage.pass(1);
    let Poll::Ready(Err(WriteError::Failed(failure))) = poll(&mut write) else { panic!("it is over") };
    assert_eq!((failure.class, failure.message.as_str()), (FailureClass::InDoubt, "call: no answer within 20 s"));
}

#[test]
fn a_permit_has_the_epoch_of_its_conductor() {
    let stage = Stage::new();
    let epoch = now(stage.gate.write("call", async |permit: &Permit| Ok((permit.epoch(), permit.is_dry()))));
    assert!(matches!(epoch, Ok((5, false))), "{epoch:?}");
}

/// Spoils every call in one way.
struct Faulty(InjectedFault);

#[async_trait(?Send)]
impl FaultSource for Faulty {
    async fn before(&self, _call: &'static str) -> Option<InjectedFault> {
        Some(self.0)
    }
}

#[test]
fn faults_are_injected_before_or_after_calls_and_all_attempts_are_counted() {
    let delay = Duration::from_secs(30);
    for (fault, class, words, is_made) in [
        (InjectedFault::AnswerLost, FailureClass::InDoubt, "the connection was lost", Some(None)),
        (InjectedFault::EffectDelayed(delay), FailureClass::InDoubt, "the connection was lost", Some(Some(delay))),
        (InjectedFault::Fails(FailureClass::Throttled), FailureClass::Throttled, "rate exceeded", None),
        (InjectedFault::Fails(FailureClass::Permanent), FailureClass::Permanent, "the call was refused", None),
    ] {
        let Stage { gate, .. } = Stage::new();
        let gate = gate.with_faults(Rc::new(Faulty(fault)));
        let made = Cell::new(None);
        let written = now(gate.write("call", async |permit: &Permit| {
            made.set(Some(permit.late_by()));
            Ok(())
        }));
        let Err(WriteError::Failed(failure)) = written else { panic!("{written:?}") };
        assert_eq!((failure.class, made.get()), (class, is_made), "{fault:?}");
        assert!(failure.message.starts_with(&format!("call: {words}")), "{failure}");
        assert_eq!(gate.attempts(), [("call", 1)].into());
    }
}

#[test]
fn a_dry_run_makes_no_attempt_or_gives_a_dry_permit() {
    for (authority, is_begun) in [(Authority::Nothing, false), (Authority::PutDown, true)] {
        let store = memory();
        let reading = now(read(&store)).expect("the journal is consistent");
        let journal = Journal::open(store, reading, HandClock::new(), 0, "n".to_owned(), Rc::new(|_| {}));
        let gate = Gate::new(authority, Rc::new(journal), Rc::new(Watch(Cell::default())));
        let started = Cell::new(false);
        let written = now(gate.write("call", async |permit: &Permit| {
            started.set(true);
            assert!(permit.is_dry());
            Ok(())
        }));
        assert_eq!((started.get(), written.is_ok()), (is_begun, is_begun));
        assert_eq!(gate.attempts(), BTreeMap::new());
    }
}

#[test]
fn a_conductors_own_event_is_not_mistaken_for_a_successors() {
    let stage = Stage::new();
    let took_over = Event::ConductorTookOver { upgrade: upgrade(), conductor: "ada@left".to_owned() };
    now(stage.gate.journal.append(took_over)).expect("it can be written");
    assert!(matches!(now(stage.gate.write("call", answers)), Ok(7)));
}

#[cfg(unix)]
#[test]
fn a_state_that_cannot_be_read_for_some_time_delays_a_write_and_does_not_end_the_run() {
    let stage = Stage::new();
    let took_over = Event::ConductorTookOver { upgrade: upgrade(), conductor: "ada@left".to_owned() };
    now(stage.gate.journal.append(took_over)).expect("it can be written");
    let journal = stage.folder.path().join(upgrade().as_str()).join("journal");
    let aside = stage.folder.path().join("aside");
    std::fs::rename(&journal, &aside).expect("it can be moved");
    std::os::unix::fs::symlink(&journal, &journal).expect("a link that leads nowhere");
    let mut write = Box::pin(stage.gate.write("call", answers));
    for _ in 0..5 {
        assert!(poll(&mut write).is_pending());
        stage.pass(1);
    }
    std::fs::remove_file(&journal).expect("it can be removed");
    std::fs::rename(&aside, &journal).expect("it can be moved back");
    assert!(matches!(poll(&mut write), Poll::Ready(Ok(7))));
}

#[test]
fn a_conductor_that_wakes_up_long_after_its_lease_has_expired_stops_instead_of_waiting_for_it() {
    let stage = Stage::new();
    stage.pass(71);
    let mut write = Box::pin(stage.gate.write("call", answers));
    assert!(poll(&mut write).is_pending());
    stage.pass(3600);
    let ended = poll(&mut write);
    assert!(
        matches!(ended, Poll::Ready(Err(WriteError::Halt(Halt::Lease(LeaseLost::NotRenewed { .. }))))),
        "{ended:?}"
    );
}
