//! What is looked at once more right before visitors come back: what was looked at over a minute before.

use std::time::Duration;

use cutover_core::observation::Health;
use cutover_core::plan::{Action, Edge, Line, Rule, Step, Via};
use cutover_core::time::{between, later};
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_hosts::supervisor::State;

use super::balancers::{Lb, members};
use super::dns::{Zone, change};
use super::pages::{Site, check};
use super::services::{Services, confirm, still_running};
use super::stage::{Stage, step};

/// A lift that waits for this look, and for so many seconds after it.
fn lift_after(stage: &Stage, look: Step, seconds: u64) -> Vec<Step> {
    let edge = |step: &Step| Edge { step: step.id.clone(), rule: Rule::Follows };
    let look = Step { line: Line::Verify, ..look };
    let moment = later(stage.clock.now(), Duration::from_secs(seconds));
    let wait = Step {
        waits_for: vec![edge(&look)],
        line: Line::Open,
        ..step("wait", Action::WaitUntil { moment, no_later_than: None })
    };
    let lift = Step { waits_for: vec![edge(&look), edge(&wait)], line: Line::LiftPage, ..change() };
    vec![look, wait, lift]
}

/// Why visitors were kept on the page.
fn kept(stage: &Stage, zone: &Zone, ending: &Ending) -> String {
    assert_eq!(*ending, Ending::Failed(vec!["change".into()]));
    assert_eq!(zone.seconds_of("change"), [0; 0], "nothing was changed");
    let upgrade = stage.on_record();
    assert!(upgrade.current_run().is_some_and(|run| run.lifted().is_empty()), "nobody is back");
    stage.error_of("change")
}

fn verify() -> Step {
    check(Via::Balancer("lb.example.org".into()))
}

/// A stage with a zone, and with a site that fails from one second to another.
fn site_that_fails(from: u64, until: u64) -> (Stage, std::rc::Rc<Zone>) {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    Site::of(&mut stage, 503, "", until).from.set(from);
    (stage, zone)
}

#[test]
fn a_site_that_fails_since_it_was_verified_gets_no_visitors() {
    let (stage, zone) = site_that_fails(100, 10_000);
    let steps = lift_after(&stage, verify(), 120);
    let error = kept(&stage, &zone, &stage.conduct(steps));
    assert_eq!(
        error,
        "https://lms.example.org: / answers 503 instead of 200; /courses answers 503 instead of 200, although it was verified \
         before; visitors stay on the maintenance page; see to the next hosts, and run the phase again"
    );
    assert_eq!(stage.elapsed(), 180, "it had a minute");
}

#[test]
fn a_site_that_fails_for_a_moment_gets_its_visitors_a_moment_later() {
    let (stage, zone) = site_that_fails(100, 135);
    let steps = lift_after(&stage, verify(), 120);
    assert_eq!(stage.conduct(steps), Ending::Finished);
    assert_eq!(zone.seconds_of("change"), [140]);
}

#[test]
fn a_site_that_was_verified_within_the_last_minute_is_not_asked_again() {
    let (stage, zone) = site_that_fails(10, 10_000);
    let steps = lift_after(&stage, verify(), 50);
    assert_eq!(stage.conduct(steps), Ending::Finished);
    assert_eq!(zone.seconds_of("change"), [50]);
}

#[test]
fn visitors_stay_on_the_page_if_the_balancer_has_lost_all_hosts_since_they_were_healthy() {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    let healthy: &[(&str, Health)] = &[("i-0", Health::InService), ("i-1", Health::InService)];
    Lb::of(&mut stage, &[healthy, &[]]);
    let steps = lift_after(&stage, step("healthy", Action::AwaitHealthy(members())), 50);
    let error = kept(&stage, &zone, &stage.conduct(steps));
    assert!(error.starts_with("no host of lb is in service; visitors stay on the maintenance page"), "{error}");
}

#[test]
fn what_was_looked_at_before_a_long_wait_of_the_lift_is_looked_at_once_more() {
    let (mut stage, zone) = site_that_fails(100, 205);
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    let (start, clock) = (stage.clock.now(), std::rc::Rc::clone(&stage.clock));
    services.at_look.replace(Some(Box::new(move |services| {
        let is_down = matches!(between(start, clock.now()).as_secs(), 100..165 | 190..);
        services.become_all(if is_down { State::Stopped } else { State::Running });
    })));
    let mut steps = lift_after(&stage, verify(), 120);
    let running = still_running();
    let edge = Edge { step: running.id.clone(), rule: Rule::Follows };
    steps.iter_mut().filter(|step| step.lifts_page()).for_each(|lift| lift.waits_for.push(edge.clone()));
    steps.insert(0, running);
    // The programs are looked at until 180 s, and the site until 210 s.
    let error = kept(&stage, &zone, &stage.conduct(steps));
    assert!(error.starts_with("cms STOPPED, lms STOPPED on edx-0"), "{error}");
}

/// A stage with a zone, on whose host lms and cms get into another state after 100 seconds.
fn programs_that_become(from: State, to: State) -> (Stage, std::rc::Rc<Zone>) {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    let services = Services::of(&mut stage, &[("cms", from), ("lms", from)]);
    let (at, clock) = (later(stage.clock.now(), Duration::from_secs(100)), std::rc::Rc::clone(&stage.clock));
    services.at_look.replace(Some(Box::new(move |services| {
        if clock.now() >= at {
            services.put(&["cms".into(), "lms".into()], to);
        }
    })));
    (stage, zone)
}

#[test]
fn programs_that_have_stopped_since_the_last_look_keep_visitors_on_the_page() {
    let (stage, zone) = programs_that_become(State::Running, State::Stopped);
    let steps = lift_after(&stage, still_running(), 120);
    let error = kept(&stage, &zone, &stage.conduct(steps));
    let words = "cms STOPPED, lms STOPPED on edx-0, although it ran before; visitors stay on the maintenance page";
    assert!(error.starts_with(words), "{error}");
}

#[test]
fn a_next_host_that_restarts_since_the_last_look_is_waited_for_and_visitors_come_back_then() {
    let mut stage = Stage::new();
    let zone = Zone::of(&mut stage);
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    let at = |seconds| later(stage.clock.now(), Duration::from_secs(seconds));
    let (from, until) = (at(100), at(360));
    services.boots_from.set(Some(from));
    services.boots_until.set(Some(until));
    let steps = lift_after(&stage, still_running(), 120);
    assert_eq!(stage.conduct(steps), Ending::Finished);
    let lifted = zone.seconds_of("change");
    assert!(lifted.len() == 1 && (360..390).contains(&lifted[0]), "{lifted:?}");
}

#[test]
fn old_code_that_runs_since_the_last_look_keeps_visitors_on_the_page() {
    let (stage, zone) = programs_that_become(State::Stopped, State::Running);
    let steps = lift_after(&stage, confirm(), 120);
    let error = kept(&stage, &zone, &stage.conduct(steps));
    assert_eq!(
        error,
        "old code runs: cms, lms on edx-0; visitors stay on the maintenance page; run the phase again, which stops it"
    );
}
