//! What others see of a holder that was asked to stop, or that is suspended.

use cutover_core::status::ConductorState;

use super::super::*;
use super::process::{ada, begin, bob, claimed, eve};
use crate::store::Store;
use crate::testing::{memory, now};

fn seen(store: &Store, machine: &dyn Machine) -> ConductorState {
    let (_, holder) = now(last(store)).expect("it can be read").expect("there is one");
    holder.state(machine)
}

#[test]
fn a_holder_that_was_asked_to_stop_says_so_until_it_releases_its_lease() {
    let store = memory();
    let lease = claimed(&store, &ada());
    assert_eq!(seen(&store, &*bob()), ConductorState::AtWork);
    now(lease.stops(3));
    assert_eq!(seen(&store, &*bob()), ConductorState::Stopping);
    assert_eq!(seen(&store, &*eve()), ConductorState::Stopping, "on every machine");
    assert!(now(lease.renew(4)).expect("it is renewed").is_none(), "it is still held");
    assert_eq!(seen(&store, &*bob()), ConductorState::Stopping);
    now(lease.release(4)).expect("it is released");
    assert_eq!(seen(&store, &*bob()), ConductorState::Gone);
}

#[test]
fn a_suspended_holder_keeps_others_out_and_they_are_told_what_to_do() {
    let (store, bob) = (memory(), bob());
    claimed(&store, &ada());
    bob.suspended.set(true);
    let (process, name) = (10, "ada@left".to_owned());
    assert_eq!(seen(&store, &*bob), ConductorState::Suspended { process, name });
    assert_eq!(seen(&store, &*eve()), ConductorState::AtWork, "another machine cannot see it");
    let error = now(begin(&store, &bob, None)).err().expect("it is held");
    assert!(matches!(error, LeaseError::Suspended { .. }), "{error}");
    let hint = error.hint();
    assert!(hint.contains("kill -CONT 10") && hint.contains("--take-over ada@left"), "{hint}");
    assert!(now(begin(&store, &bob, Some("ada@left"))).is_ok());
}
