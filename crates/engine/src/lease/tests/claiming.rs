//! Who may claim a lease: nobody while its holder is alive, and anybody once the holder is certainly dead.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

use super::super::*;
use crate::store::Store;
use crate::testing::{at, memory, now};

use super::process::{Process, ada, assert_held, begin, bob, claimed, eve, origin, poll};

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
    let claim = claim(&store, Claim { machine, records: 9, epoch: 6, take_over: None, say: &|_| {} });
    assert_eq!(now(claim).expect("it is free").epoch, 7);
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
fn who_takes_over_is_told_what_is_known_of_the_holder_and_when_it_was_not_needed() {
    let told = |store: &Store, machine: &Rc<Process>| {
        let told = RefCell::new(String::new());
        let say = |text: &str| told.borrow_mut().push_str(text);
        let machine = Rc::clone(machine) as Rc<dyn Machine>;
        let claim = claim(store, Claim { machine, records: 0, epoch: 0, take_over: Some("ada@left"), say: &say });
        now(Box::pin(claim)).expect("it may be taken over");
        told.into_inner()
    };
    let holds = |of: &Rc<Process>| {
        let store = memory();
        claimed(&store, of);
        store
    };
    assert!(told(&memory(), &bob()).contains("was not needed: nobody conducts this upgrade"));
    let gone = bob();
    gone.living.borrow_mut().clear();
    assert!(told(&holds(&ada()), &gone).contains("was not needed: nobody conducts this upgrade"));
    let lives = told(&holds(&ada()), &bob());
    assert!(lives.contains("WARNING: ada@left (process 10) is running on this machine"), "{lives}");
    let suspended = bob();
    suspended.suspended.set(true);
    assert!(told(&holds(&ada()), &suspended).contains("is suspended"));
    assert!(told(&holds(&ada()), &eve()).contains("cannot be seen from here"));
}
