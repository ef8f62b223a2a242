//! How time is measured: by each machine's own clocks, and never by those of another machine.

use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use cutover_core::status::ConductorState;
use cutover_core::time::earlier;
use futures_util::FutureExt;

use super::super::holder::seen;
use super::super::*;
use crate::ports::Clock;
use crate::testing::{HandClock, at, memory, now};

use super::process::{ada, begin, bob, claimed, eve, poll};

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
fn setting_the_wall_clock_back_does_not_make_a_successor_wait_longer() {
    let (store, eve) = (memory(), eve());
    claimed(&store, &ada());
    let mut claim = begin(&store, &eve, None);
    assert!(poll(&mut claim).is_pending());
    eve.wall.set(earlier(at(0), Duration::from_secs(3600)));
    eve.pass(110);
    assert!(poll(&mut claim).is_ready(), "the lease was watched for its whole time");
}

#[test]
fn a_look_from_another_machine_uses_the_holders_own_time() {
    let (store, eve) = (memory(), eve());
    claimed(&store, &ada());
    let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    assert_eq!(holder.state(&*eve), ConductorState::AtWork);
    eve.pass(91);
    assert_eq!(holder.state(&*eve), ConductorState::Gone);
    assert!(begin(&store, &eve, None).now_or_never().is_none(), "a successor watches the lease first");
}

#[test]
fn a_lease_that_cannot_be_read_says_nothing_about_its_holder() {
    let store = memory();
    now(store.create("lease/00000001.json", b"{".to_vec())).expect("it can be written");
    let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    assert_eq!(holder.state(&*eve()), ConductorState::Unknown);
}

#[test]
fn a_lease_lasts_until_the_moment_that_it_names() {
    let (store, eve) = (memory(), eve());
    claimed(&store, &ada());
    let (_, holder) = now(last(&store)).expect("it can be read").expect("there is one");
    eve.wall.set(holder.until);
    assert_eq!(holder.state(&*eve), ConductorState::Gone);
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
fn a_length_of_time_ends_when_either_clock_says_so() {
    let (set_back, suspended) = (ada(), bob());
    let mut waits = Box::pin(wait(&*set_back, Duration::from_secs(2)));
    assert!(poll(&mut waits).is_pending());
    set_back.pass(1);
    set_back.wall.set(earlier(at(0), Duration::from_secs(20)));
    assert!(poll(&mut waits).is_pending());
    set_back.pass(1);
    assert!(poll(&mut waits).is_ready(), "the wall clock was set back");
    // Timers and one of the clocks stand still during a suspension. The date is looked at again soon after it.
    let mut waits = Box::pin(wait(&*suspended, Duration::from_secs(3600)));
    assert!(poll(&mut waits).is_pending());
    suspended.wall.set(at(3600));
    suspended.up.set(Duration::from_secs(30));
    assert!(poll(&mut waits).is_ready(), "the machine was suspended");
}

#[test]
fn in_simulated_time_leases_and_attempts_are_measured_by_the_upgrades_own_clock() {
    let clock = HandClock::new();
    let machine = OnClock(Rc::clone(&clock) as Rc<dyn Clock>);
    let begin = machine.moment();
    now(machine.sleep(Duration::from_secs(20)));
    assert_eq!(clock.now(), at(20));
    assert_eq!((machine.now(), begin.at_least_until(machine.moment())), (at(20), Duration::from_secs(20)));
    clock.set(at(0));
    assert_eq!(begin.at_most_until(machine.moment()), Duration::ZERO);
}
