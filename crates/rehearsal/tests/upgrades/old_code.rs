//! Once the migrations have run, no old code runs any more: not on hosts that are restarted, and visitors come back only once
//! somebody has looked.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_core::journal::{Event, Fact};
use cutover_core::names::HostName;
use cutover_core::plan::{Action, Phase};
use cutover_core::progress::Progress;
use cutover_engine::ports::Clock;
use cutover_hosts::supervisor::Verb;
use cutover_rehearsal::{Invariant, RehearsalEnding, run};

use super::again::{order_where, window};
use super::stage::{Stage, qa};

/// An upgrade whose conductor has died right after the first site was verified.
fn verified() -> Stage {
    dead_after("window.verify.")
}

/// An upgrade whose conductor has died right after a step whose id begins like that.
pub(super) fn dead_after(beginning: &'static str) -> Stage {
    let stage = Stage::new(qa(), |_| {});
    stage.die_at(move |progress| {
        let Progress::Recorded { event: Event::StepHeld { step, .. } | Event::StepDone { step, .. }, .. } = progress
        else {
            return false;
        };
        step.as_str().starts_with(beginning)
    });
    stage
}

#[test]
fn a_current_host_that_is_restarted_after_the_migrations_does_not_run_old_code() {
    let stage = verified();
    for host in stage.reading().upgrade.captured.iter().flatten() {
        stage.cloud.restart_host(&host.instance).expect("restarted");
    }
    run(&stage.clock, stage.clock.sleep(Duration::from_secs(600)));
    let ended = stage.conducted();
    assert_eq!((ended.ending, ended.violations), (RehearsalEnding::Completed, Vec::new()));
}

#[test]
fn old_services_that_somebody_has_started_are_stopped_and_recorded_before_visitors_come_back() {
    are_found_before_visitors_come_back(&verified());
}

#[test]
fn a_look_that_an_earlier_process_has_made_is_made_again_before_visitors_come_back() {
    are_found_before_visitors_come_back(&dead_after("window.still-stopped."));
}

fn are_found_before_visitors_come_back(stage: &Stage) {
    run(&stage.clock, order_where(stage, Verb::Start, |_| true));
    let ended = stage.conducted();
    assert_eq!(ended.ending, RehearsalEnding::Completed);
    assert!(ended.violations.iter().all(|violation| violation.invariant == Invariant::OldProcessOnMigratedSchema));
    assert!(!ended.violations.is_empty(), "somebody did start them");
    let named: BTreeSet<&HostName> = ended.upgrade.old_code.iter().map(|found| &found.host).collect();
    let current: BTreeSet<&HostName> = ended.upgrade.captured.iter().flatten().map(|host| &host.name).collect();
    assert!(!named.is_empty() && named.is_subset(&current), "{:?}", ended.upgrade.old_code);
    let looks = |beginning: &str| {
        let window = ended.upgrade.run_of(Phase::Window).expect("the window");
        let steps = window.runs().filter(|(step, _)| step.id.as_str().starts_with(beginning));
        steps.map(|(step, run)| (step.clone(), run.clone())).collect::<Vec<_>>()
    };
    for (step, seen) in looks("window.still-stopped.") {
        assert!(matches!(step.action, Action::ConfirmStopped { .. }));
        assert!(seen.facts.iter().any(|fact| matches!(fact, Fact::RanAgain { .. })), "{:?}", seen.facts);
        let lifts = looks("window.lift.");
        let (_, lift) = lifts.iter().find(|(lift, _)| lift.lane == step.lane).expect("the same fleet");
        assert!(seen.ended_at.expect("it has ended") <= lift.started_at.expect("it has begun"));
    }
    assert_eq!(window(stage).failed().count(), 0);
}
