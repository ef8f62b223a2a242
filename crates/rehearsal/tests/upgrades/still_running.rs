//! Visitors come back only while everything of the new site runs: workers too, which no check of a site sees.

use std::rc::Rc;

use cutover_core::deployment::Role;
use cutover_core::names::InstanceId;
use cutover_core::plan::{Action, InstanceRef, Phase};
use cutover_core::planner::Inputs;
use cutover_core::preflight::readiness;
use cutover_engine::gate::NoFaults;
use cutover_engine::observe::observe;
use cutover_engine::phase::Ending;
use cutover_engine::readiness::{Waiting, ask_hosts};
use cutover_hosts::supervisor::Verb;
use cutover_rehearsal::{RehearsalEnding, run};

use super::again::{order, order_where, window};
use super::old_code::dead_after;
use super::stage::Stage;

/// The next workers of the window.
fn next_workers(stage: &Stage) -> Vec<(InstanceId, Role)> {
    let (plan, launched) = (window(stage).plan, stage.reading().upgrade.launched);
    let started = plan.steps.iter().filter_map(|step| match &step.action {
        Action::StartServices(start) if start.host.name.as_str().contains("worker") => Some(&start.host),
        _ => None,
    });
    let instance = |host: &cutover_core::plan::Host| match &host.instance {
        InstanceRef::Known(id) => id.clone(),
        InstanceRef::MadeBy(_) => launched[&host.name].clone(),
    };
    started.map(|host| (instance(host), Role::Worker)).collect()
}

#[test]
fn visitors_stay_on_the_page_while_next_workers_are_stopped_and_come_back_once_they_are_started() {
    for died in ["window.still-running.", "window.verify."] {
        let stage = dead_after(died);
        let workers = next_workers(&stage);
        assert!(!workers.is_empty());
        run(&stage.clock, order(&stage, Verb::Stop, &workers));
        let Ending::Failed(steps) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("they are down") };
        assert!(steps.iter().all(|step| step.as_str().starts_with("window.still-running.")), "{steps:?}");
        let run_so_far = window(&stage);
        let lanes: Vec<_> = steps.iter().map(|id| &run_so_far.plan.step(id).expect("it is planned").lane).collect();
        assert!(lanes.iter().all(|lane| !run_so_far.lifted().contains(lane)), "{lanes:?}");
        run(&stage.clock, order(&stage, Verb::Start, &workers));
        let ended = stage.conducted();
        assert_eq!((ended.ending, ended.violations), (RehearsalEnding::Completed, Vec::new()));
    }
}

/// What `check` says of the programs of hosts.
fn checked(stage: &Stage) -> Vec<String> {
    let (deployment, upgrade, world) = (&stage.deployment, stage.reading().upgrade, stage.cloud.world());
    let items = run(&stage.clock, async {
        let observation = observe(&world, &*stage.clock, deployment, &upgrade).await.expect("it is seen");
        let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
        readiness(&ask_hosts(&*world.hosts, &*stage.clock, inputs, &Waiting::default()).await)
    });
    let about_programs = |subject: &str| ["old code on hosts", "programs of next hosts"].contains(&subject);
    let items = items.into_iter().filter(|item| about_programs(&item.subject));
    items.map(|item| format!("{:?} {}", item.state, item.subject)).collect()
}

#[test]
fn after_the_lift_a_check_finds_old_code_that_runs_and_new_code_that_does_not() {
    let stage = Stage::prepared();
    assert_eq!(checked(&stage), [""; 0], "before the window all of that is as it should be");
    assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished);
    assert_eq!(checked(&stage), [""; 0]);
    run(&stage.clock, order_where(&stage, Verb::Start, |_| true));
    assert_eq!(checked(&stage), ["Problem old code on hosts"]);
    run(&stage.clock, order(&stage, Verb::StopForGood, &next_workers(&stage)));
    let all = ["Problem old code on hosts", "Problem programs of next hosts", "Warning programs of next hosts"];
    let mut found = checked(&stage);
    found.sort();
    assert_eq!(found, all);
}
