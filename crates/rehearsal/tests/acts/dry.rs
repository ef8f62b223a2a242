//! What a dry run says of single steps. Whole plans are in `tests/dry.rs`.

use std::collections::BTreeMap;
use std::rc::Rc;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::{Event, Upgrade};
use cutover_core::names::InstanceId;
use cutover_core::plan::{Action, Step};
use cutover_engine::dry::{DryOutcome, Writes, walk};
use cutover_engine::ports::Clock;
use cutover_hosts::supervisor::State;
use cutover_rehearsal::run;

use super::dns::Zone;
use super::hosts::{Account, launch, terminate};
use super::services::{Services, start_on, stop};
use super::stage::{Stage, plan, step};

/// What a dry run of these steps says of each, after what is on record.
fn walked(stage: &Stage, upgrade: &Upgrade, steps: Vec<Step>, writes: Writes<'_>) -> Vec<DryOutcome> {
    walked_past(stage, upgrade, steps, writes, &BTreeMap::new())
}

/// The same where these hosts do not answer.
fn walked_past(
    stage: &Stage,
    upgrade: &Upgrade,
    steps: Vec<Step>,
    writes: Writes<'_>,
    silent: &BTreeMap<InstanceId, String>,
) -> Vec<DryOutcome> {
    let (clock, plans): (Rc<dyn Clock>, _) = (Rc::clone(&stage.clock) as _, [plan(steps)]);
    let walk = walk(&stage.world, &clock, &stage.deployment, upgrade, &plans, writes, silent);
    let steps = run(&stage.clock, walk).expect("the plan is possible");
    steps.into_iter().map(|step| step.outcome).collect()
}

fn words(outcome: &DryOutcome) -> &str {
    match outcome {
        DryOutcome::InWords { words } => words,
        other => panic!("{other:?}"),
    }
}

const RUNNING: [(&str, State); 2] = [("cms", State::Running), ("lms", State::Running)];

#[test]
fn calls_to_the_cloud_are_put_down_and_those_to_hosts_are_only_described() {
    let mut stage = Stage::new();
    Zone::of(&mut stage);
    let (account, services) = (Account::of(&mut stage, Vec::new()), Services::of(&mut stage, &RUNNING));
    let lines = || account.calls();
    let steps = vec![launch(), stop(PastStopLimit::Kill)];
    let outcomes = walked(&stage, &Upgrade::default(), steps, Writes::PutDown(&lines));
    assert_eq!(outcomes[0], DryOutcome::Writes { lines: vec!["launch".to_owned()] });
    assert_eq!(words(&outcomes[1]), "on edx-0: supervisorctl stop cms lms");
    assert_eq!(services.calls(), [""; 0]);
}

#[test]
fn a_host_that_cannot_be_reached_makes_no_step_uncertain_and_a_cloud_that_shows_nothing_does() {
    let mut stage = Stage::new();
    Account::of(&mut stage, Vec::new());
    // The embedded cloud knows no i-1.
    let steps = vec![stop(PastStopLimit::Kill), terminate()];
    let outcomes = walked(&stage, &Upgrade::default(), steps, Writes::InWords);
    assert_eq!(words(&outcomes[0]), "on edx-0: supervisorctl stop cms lms");
    let DryOutcome::CannotBeSeen { because } = &outcomes[1] else { panic!("{:?}", outcomes[1]) };
    assert!(because.contains("no host of this deployment is listed at all"), "{because}");
}

#[test]
fn what_is_on_record_as_done_is_so_already_even_if_nothing_shows_it_any_more() {
    let mut stage = Stage::new();
    Account::of(&mut stage, Vec::new());
    let mut second = launch();
    second.id = "second".into();
    let steps = || vec![launch(), second.clone()];
    stage.was_begun(steps(), vec![Event::StepDone { step: "launch".into(), facts: Vec::new() }]);
    let outcomes = walked(&stage, &stage.on_record(), steps(), Writes::InWords);
    assert_eq!(outcomes[0], DryOutcome::AlreadySo);
    assert!(words(&outcomes[1]).starts_with("would launch edx-0"), "{:?}", outcomes[1]);
}

#[test]
fn a_plan_can_be_walked_while_another_one_is_under_way() {
    let mut stage = Stage::new();
    Account::of(&mut stage, Vec::new());
    stage.was_begun(vec![step("other", Action::Milestone)], Vec::new());
    let outcomes = walked(&stage, &stage.on_record(), vec![launch()], Writes::InWords);
    assert!(words(&outcomes[0]).starts_with("would launch edx-0"), "{outcomes:?}");
}

#[test]
fn what_an_earlier_step_would_have_changed_is_not_observed_and_everything_else_is() {
    let mut stage = Stage::new();
    Services::of(&mut stage, &RUNNING);
    let another = |name: &str| Step { id: format!("start-{name}").as_str().into(), ..start_on(name) };
    let steps = vec![stop(PastStopLimit::Kill), another("edx-1"), another("edx-0")];
    let outcomes = walked(&stage, &Upgrade::default(), steps, Writes::InWords);
    assert_eq!(words(&outcomes[0]), "on edx-0: supervisorctl stop cms lms");
    assert_eq!(outcomes[1], DryOutcome::AlreadySo, "they run there, and nothing would have stopped them");
    assert_eq!(words(&outcomes[2]), "on edx-0: supervisorctl start cms lms");
}

#[test]
fn a_host_that_does_not_answer_is_not_asked_again_by_any_step_and_the_steps_say_so() {
    let mut stage = Stage::new();
    Services::of(&mut stage, &RUNNING);
    let silent = BTreeMap::from([(InstanceId::from("i-1"), "edx-0 does not answer: timed out".to_owned())]);
    let steps = vec![start_on("edx-0")];
    let seen = walked(&stage, &Upgrade::default(), steps.clone(), Writes::InWords);
    assert_eq!(seen, [DryOutcome::AlreadySo], "it would be asked");
    let begun = stage.clock.now();
    let outcomes = walked_past(&stage, &Upgrade::default(), steps, Writes::InWords, &silent);
    let told = "on edx-0: supervisorctl start cms lms; edx-0 does not answer: timed out";
    assert_eq!(words(&outcomes[0]), told);
    assert_eq!(stage.clock.now(), begun, "nothing was waited for");
}
