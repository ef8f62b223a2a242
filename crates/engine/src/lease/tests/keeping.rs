//! A lease that is held: it is renewed, it is lost when somebody else has claimed the next one, and it is released.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tempfile::TempDir;

use super::super::*;
use crate::halt::Halt;
use crate::journal::JournalError;
use crate::store::Store;
use crate::testing::{memory, now, upgrade};

use super::process::{Process, ada, begin, claimed, eve, journal, poll};

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
fn releasing_a_lease_does_not_reduce_its_number_of_records() {
    let store = memory();
    let lease = claimed(&store, &ada());
    assert!(now(lease.renew(9)).expect("it can be written").is_none());
    now(lease.release(3)).expect("it can be written");
    assert_eq!(now(last(&store)).expect("it can be read").expect("there is one").1.records, 9);
}
