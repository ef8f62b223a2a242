//! Visitors come back only while everything of the new site runs: workers too, which no check of a site sees.

use std::rc::Rc;

use cutover_core::deployment::Role;
use cutover_core::names::InstanceId;
use cutover_core::plan::{Action, InstanceRef, Phase};
use cutover_engine::gate::NoFaults;
use cutover_engine::phase::Ending;
use cutover_hosts::supervisor::Verb;
use cutover_rehearsal::{RehearsalEnding, run};

use super::again::{order, window};
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
