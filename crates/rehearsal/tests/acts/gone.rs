//! Hosts that do not answer: those that are gone count as stopped or are left out, and those that may still run do not.

use cutover_core::deployment::{PastStopLimit, Role};
use cutover_core::journal::{Event, Fact, RunKind, RunNumber};
use cutover_core::observation::{Instance, InstanceState};
use cutover_core::plan::{Action, CapturedHost, CountTasks, Edge, HeldItems, HostPrograms, Rule, Step};
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_hosts::supervisor::State;

use super::hosts::{Account, instance, launched};
use super::services::{Services, start, stop};
use super::stage::{Stage, host, step};

/// A stage with edx-0, which is a current host or one that this upgrade launched, does not answer, and is listed so.
fn silent(fact: Fact, listed: Vec<Instance>, lives: bool) -> Stage {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.are_silent.set(true);
    Account::of(&mut stage, listed).lives.set(lives);
    let other = step("other", Action::Milestone);
    let learned = Event::StepDone { step: "other".into(), facts: vec![fact] };
    stage.was_begun(vec![other], vec![learned, Event::RunFinished { run: RunNumber(1) }]);
    stage
}

fn current() -> Fact {
    let (name, instance) = ("edx-0".into(), "i-1".into());
    Fact::Captured { hosts: vec![CapturedHost { name, instance, fleet: "live".into(), role: Role::Edxapp }] }
}

fn in_state(state: InstanceState) -> Instance {
    Instance { state, ..instance("i-1") }
}

fn confirm() -> Step {
    let programs = vec!["cms".into(), "lms".into()];
    let (host, supervisorctl) = (host("edx-0", "i-1"), "supervisorctl".to_owned());
    let hosts = vec![HostPrograms { host, supervisorctl, programs, unrelated: Vec::new() }];
    step("confirm", Action::ConfirmStopped { hosts, snapshots: Vec::new() })
}

const GONE: &str = "edx-0 (i-1) is gone, so its services are stopped for good";

#[test]
fn a_current_host_that_is_gone_counts_as_stopped_and_that_is_on_record() {
    let others = || vec![instance("i-2")];
    for listed in [vec![in_state(InstanceState::Terminated)], others()] {
        for step in [stop(PastStopLimit::Kill), confirm()] {
            let stage = silent(current(), listed.clone(), false);
            let id = step.id.clone();
            assert_eq!(stage.conduct_as(RunKind::Window, vec![step]), Ending::Finished, "{id}: {listed:?}");
            assert!(stage.facts_of(id.as_str()).contains(&Fact::Note { text: GONE.to_owned() }), "{id}");
        }
    }
}

#[test]
fn a_current_host_that_does_not_answer_and_may_still_run_does_not_count_as_stopped() {
    let listed = [
        (vec![in_state(InstanceState::Running)], true),
        // Its tags were removed.
        (vec![instance("i-2")], true),
        // The credentials belong to another account.
        (Vec::new(), false),
    ];
    for (listed, lives) in listed {
        for step in [stop(PastStopLimit::Kill), confirm()] {
            let stage = silent(current(), listed.clone(), lives);
            let id = step.id.clone();
            assert_eq!(stage.conduct_as(RunKind::Window, vec![step]), Ending::Failed(vec![id.clone()]), "{listed:?}");
            assert!(stage.error_of_window(id.as_str()).contains("cannot be reached"));
        }
    }
}

#[test]
fn a_look_counts_a_current_host_that_is_stopped_in_ec2_as_stopped_and_says_what_starting_it_does() {
    let stopped = || vec![in_state(InstanceState::Stopped)];
    let stage = silent(current(), stopped(), true);
    assert_eq!(stage.conduct_as(RunKind::Window, vec![confirm()]), Ending::Finished);
    let note = "edx-0 (i-1) is stopped in EC2, so it runs nothing: starting it runs old code";
    assert!(
        stage.facts_of("confirm").contains(&Fact::Note { text: note.to_owned() }),
        "{:?}",
        stage.facts_of("confirm")
    );

    let stage = silent(current(), stopped(), true);
    let id = stop(PastStopLimit::Kill).id;
    assert_eq!(stage.conduct_as(RunKind::Window, vec![stop(PastStopLimit::Kill)]), Ending::Failed(vec![id.clone()]));
    let error = stage.error_of_window(id.as_str());
    assert!(error.contains("cannot be reached"), "its services could not be kept from starting again: {error}");
}

#[test]
fn of_a_current_host_that_cannot_be_looked_at_it_is_said_that_stopping_it_in_ec2_is_enough() {
    let mut stage = silent(current(), vec![in_state(InstanceState::Running)], true);
    stage.world.aws_options = " --region us-east-1 --profile mitx".to_owned();
    assert_eq!(stage.conduct_as(RunKind::Window, vec![confirm()]), Ending::Failed(vec!["confirm".into()]));
    let error = stage.error_of_window("confirm");
    let way = "run `cutover window` again; or stop it in EC2, where nothing runs then: `aws ec2 stop-instances --instance-ids i-1 \
               --region us-east-1 --profile mitx`";
    assert!(error.ends_with(way), "{error}");
}

#[test]
fn a_host_that_is_being_stopped_in_ec2_may_still_run_old_code() {
    let stage = silent(current(), vec![in_state(InstanceState::Stopping)], true);
    assert_eq!(stage.conduct_as(RunKind::Window, vec![confirm()]), Ending::Failed(vec!["confirm".into()]));
    assert!(stage.mentioned.borrow().iter().any(|told| told == "edx-0 (i-1) is being stopped in EC2"));
}

#[test]
fn a_next_host_that_is_gone_is_on_record_as_such_if_the_plan_needs_it_and_counts_as_stopped_if_not() {
    let terminated = || vec![in_state(InstanceState::Terminated)];
    let needed = Step { waits_for: vec![Edge { step: "confirm".into(), rule: Rule::MigratedFirst }], ..start() };
    let stage = silent(launched("i-1"), terminated(), false);
    let ending = stage.conduct_as(RunKind::Window, vec![confirm(), needed]);
    assert_eq!(ending, Ending::Failed(vec!["confirm".into()]));
    assert_eq!(stage.facts_of("confirm"), [Fact::Gone { host: "edx-0".into(), instance: "i-1".into() }]);
    let error = stage.error_of_window("confirm");
    assert!(error.contains("edx-0 is gone; to go on without what is gone, run `cutover window` again"), "{error}");

    let stage = silent(launched("i-1"), terminated(), false);
    assert_eq!(stage.conduct_as(RunKind::Window, vec![confirm()]), Ending::Finished);
    assert!(stage.facts_of("confirm").contains(&Fact::Note { text: GONE.to_owned() }));
}

#[test]
fn of_a_host_that_is_stopped_in_ec2_it_is_said_how_to_go_on() {
    let held = || HeldItems { host: host("edx-0", "i-1"), items: vec!["/etc/cron.d/edx".to_owned()] };
    let count = CountTasks { host: host("edx-0", "i-1"), command: vec!["redis-cli".to_owned()] };
    let steps = [
        stop(PastStopLimit::Kill),
        start(),
        step("count", Action::DrainQueues { fleet: "live".into(), count: Some(count) }),
        step("hold", Action::HoldBack(held())),
        step("put-back", Action::PutBack(held())),
    ];
    for step in steps {
        let stage = silent(current(), vec![in_state(InstanceState::Stopped)], true);
        let id = step.id.clone();
        assert_eq!(stage.conduct_as(RunKind::Window, vec![step]), Ending::Failed(vec![id.clone()]));
        let error = stage.error_of_window(id.as_str());
        let or_lost = if id.as_str() == "hold" { ", and run" } else { ", or terminate it" };
        let told = format!("edx-0 (i-1) is stopped in EC2; start it in EC2{or_lost}");
        assert!(error.contains(&told), "{id}: {error}");
    }
}

#[test]
fn a_window_does_not_open_while_one_of_its_hosts_is_stopped_in_ec2() {
    let open = |stage: &Stage| {
        let moment = stage.clock.now();
        step("open", Action::WaitUntil { moment, no_later_than: None })
    };
    let stop =
        Step { waits_for: vec![Edge { step: "open".into(), rule: Rule::WindowOpens }], ..stop(PastStopLimit::Kill) };
    for (state, opens) in [(InstanceState::Stopped, false), (InstanceState::Running, true)] {
        let stage = silent(current(), vec![in_state(state)], true);
        let ending = stage.conduct_as(RunKind::Window, vec![open(&stage), stop.clone()]);
        let failed = if opens { stop.id.clone() } else { "open".into() };
        assert_eq!(ending, Ending::Failed(vec![failed]), "{state:?}");
        if !opens {
            let error = stage.error_of_window("open");
            assert!(error.contains("stopped in EC2; start it in EC2 and run `cutover window` again"), "{error}");
        }
    }
}
