//! Windows that find tasks in the queues after the workers have stopped: nothing is migrated before somebody has decided
//! about them.

use std::rc::Rc;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Event, Run, Upgrade, tasks_left};
use cutover_core::names::StepId;
use cutover_core::plan::{Action, Phase};
use cutover_core::time::earlier;
use cutover_engine::gate::NoFaults;
use cutover_engine::phase::Ending;

use super::stage::{Stage, qa};

/// Its workers stop while visitors still fill the queues.
fn counting() -> Deployment {
    let mut deployment = qa();
    let worker = deployment.role.worker.as_mut().expect("it has workers");
    worker.count_queues = ["redis-cli", "LLEN", "celery"].map(str::to_owned).to_vec();
    deployment
}

/// The steps of the last run that have failed because of tasks, and how many there are.
fn left(upgrade: &Upgrade) -> Vec<(StepId, u64)> {
    let run = upgrade.current_run().expect("it was begun");
    run.failed().filter_map(|(step, _)| Some((step.id.clone(), tasks_left(run, step)?))).collect()
}

fn has_begun_to_migrate(upgrade: &Upgrade) -> bool {
    let runs = upgrade.runs.iter().flat_map(Run::runs);
    runs.into_iter().any(|(step, run)| matches!(step.action, Action::Migrate(_)) && !run.status.is_untouched())
}

/// An upgrade whose window has stopped because of tasks.
fn stopped() -> Stage {
    let stage = Stage::new(counting(), |_| {});
    stage.conducted();
    let upgrade = stage.reading().upgrade;
    assert!(!left(&upgrade).is_empty() && !has_begun_to_migrate(&upgrade));
    stage
}

fn consent(stage: &Stage) {
    let steps = left(&stage.reading().upgrade).into_iter().map(|(step, _)| step);
    stage.record(steps.map(|step| Event::StepRetryApproved { step, by: "ada".to_owned() }));
}

#[test]
fn tasks_that_workers_have_left_are_not_migrated_away_from_without_consent() {
    let stage = stopped();
    assert!(matches!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Failed(_)), "nobody has decided");
    assert!(!has_begun_to_migrate(&stage.reading().upgrade));
    // The phase stops at the first fleet whose queues are not empty.
    for _ in &stage.deployment.fleets {
        consent(&stage);
        if stage.run_with(Phase::Window, Rc::new(NoFaults)) == Ending::Finished {
            break;
        }
    }
    assert!(stage.reading().upgrade.finished(Phase::Window));
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn queues_that_were_drained_need_no_decision() {
    let mut deployment = counting();
    deployment.role.worker.as_mut().expect("workers").drain_queues = Some("10m".parse().expect("a length"));
    let stage = Stage::new(deployment, |_| {});
    stage.conducted();
    assert!(stage.reading().upgrade.finished(Phase::Window));
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn a_consent_ends_with_the_window_that_it_was_given_for() {
    let stage = stopped();
    consent(&stage);
    let mut upgrade = stage.reading().upgrade;
    assert!(!upgrade.accepted_tasks.is_empty());
    let run = upgrade.current_run().expect("a window");
    let again = |upgrade: &Upgrade, run: &Run| Event::RunStarted {
        run: upgrade.next_run(),
        kind: run.kind,
        plan: run.plan.clone(),
        deployment: run.deployment.clone(),
    };
    let (same, at) = (again(&upgrade, run), upgrade.updated_at.expect("there are records"));
    let mut moved = same.clone();
    upgrade.apply(at, &same).expect("it can be planned again");
    assert!(!upgrade.accepted_tasks.is_empty(), "it is the same window");
    if let Event::RunStarted { run, plan, .. } = &mut moved {
        let mut other = plan.as_ref().clone();
        for step in &mut other.steps {
            if let Action::WaitUntil { moment, .. } = &mut step.action {
                *moment = earlier(*moment, std::time::Duration::from_secs(3600));
            }
        }
        (*run, *plan) = (upgrade.next_run(), other.into());
    }
    upgrade.apply(at, &moved).expect("it can be planned again");
    assert!(upgrade.accepted_tasks.is_empty());
}
