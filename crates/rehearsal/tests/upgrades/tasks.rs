//! Windows that find tasks in the queues after the workers have stopped: nothing is migrated before somebody has decided
//! about them.

use std::rc::Rc;

use cutover_core::deployment::{Deployment, Role};
use cutover_core::journal::{Event, Run, Upgrade, tasks_left};
use cutover_core::names::StepId;
use cutover_core::plan::{Action, Order, Phase};
use cutover_core::planner::Blocked;
use cutover_core::status::{PutBack, Status};
use cutover_core::time::earlier;
use cutover_engine::gate::{Gate, NoFaults, Permit};
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_rehearsal::run;

use super::again::{die_at, errors, is_about};
use super::begun;
use super::stage::{Stage, qa};

/// Its workers stop while visitors still fill the queues.
pub(super) fn counting() -> Deployment {
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

/// The file without the command that counts tasks.
fn without_count(stage: &Stage) -> Deployment {
    let mut edited = stage.deployment.clone();
    edited.role.worker.as_mut().expect("it has workers").count_queues.clear();
    edited
}

/// What status says about a file without the command: whether it is to be put back, and what to type.
fn told(stage: &Stage) -> (Option<PutBack>, Option<String>) {
    let Status { edited, next_command, .. } = begun::status(stage, &without_count(stage));
    (edited.and_then(|edited| edited.put_back), next_command)
}

#[test]
fn a_file_without_the_count_is_no_way_round_the_consent_to_tasks() {
    let stage = stopped();
    let blocked = begun::planned(&stage, &without_count(&stage)).expect_err("nobody has decided about the tasks");
    let fleets: Vec<bool> = blocked.iter().map(|one| matches!(one, Blocked::TasksNotCounted { .. })).collect();
    assert_eq!(fleets, [true, true], "{blocked:?}");
    assert_eq!(told(&stage), (Some(PutBack::Count), None));
}

/// More tasks may have been queued since.
#[test]
fn a_consent_to_some_tasks_does_not_allow_the_count_to_be_taken_out_of_the_file() {
    let stage = stopped();
    consent(&stage);
    assert_eq!(stage.reading().upgrade.accepted_tasks.len(), stage.deployment.fleets.len());
    let blocked = begun::planned(&stage, &without_count(&stage)).expect_err("they are not counted again yet");
    assert!(blocked.iter().all(|one| matches!(one, Blocked::TasksNotCounted { .. })), "{blocked:?}");
    let status = begun::status(&stage, &without_count(&stage));
    assert_eq!((status.edited.and_then(|edited| edited.put_back), status.next_command), (Some(PutBack::Count), None));
    assert_eq!(status.failed.iter().find_map(|step| step.retry_command.clone()), None);
}

#[test]
fn a_count_may_be_taken_out_of_the_file_once_nothing_was_left() {
    let mut deployment = counting();
    deployment.role.worker.as_mut().expect("workers").drain_queues = Some("10m".parse().expect("a length"));
    let stage = Stage::prepared_with(deployment);
    die_at(&stage, |event| matches!(event, Event::StepDone { .. }) && is_about(event, "window.snapshot."));
    let mut edited = without_count(&stage);
    edited.role.worker.as_mut().expect("workers").drain_queues = None;
    assert_eq!(begun::replanned(&stage, &edited), Ok(Ending::Finished));
}

/// A window that is stopped before it has counted the tasks, after which the first workers of the live fleet are terminated.
fn without_workers(workers: u32, lost: usize) -> Stage {
    let mut deployment = counting();
    let fleet = deployment.fleets.iter_mut().find(|fleet| fleet.name.as_str() == "residential-live");
    fleet.and_then(|fleet| fleet.worker.as_mut()).expect("it has workers").count = workers;
    let stage = Stage::prepared_with(deployment);
    die_at(&stage, |event| matches!(event, Event::StepStarted { .. }) && is_about(event, "window.tasks."));
    run(&stage.clock, lose_workers(&stage, lost));
    stage
}

async fn lose_workers(stage: &Stage, lost: usize) {
    let (clock, compute) = (Rc::clone(&stage.clock) as Rc<dyn Clock>, stage.cloud.world().compute);
    let journal = cutover_engine::journal::read(&stage.store).await.expect("the journal is consistent");
    let captured = journal.upgrade.captured.into_iter().flatten();
    let workers = captured.filter(|host| host.role == Role::Worker && host.fleet.as_str() == "residential-live");
    for worker in workers.take(lost) {
        let terminate = async |permit: &Permit| compute.terminate(permit, &worker.instance).await;
        Gate::alone_at(&clock, 99).write("terminate", terminate).await.expect("it is terminated");
    }
    clock.sleep(std::time::Duration::from_secs(300)).await;
}

fn fails(stage: &Stage) -> String {
    let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("it has to fail") };
    errors(stage)
}

#[test]
fn without_any_worker_a_count_may_be_taken_out_of_the_file() {
    let stage = without_workers(1, 1);
    let errors = fails(&stage);
    assert!(
        errors.contains("no worker of residential-live is left") && errors.contains("take `count_queues` out"),
        "{errors}"
    );
    assert_eq!(told(&stage), (Some(PutBack::Count), None), "the draft fleet has a worker");
    consent(&stage);
    fails(&stage);
    assert_eq!(told(&stage), (None, Some("cutover window qa.toml --replan".to_owned())), "its tasks were left");
    assert_eq!(begun::replanned(&stage, &without_count(&stage)), Ok(Ending::Finished));
}

#[test]
fn tasks_are_counted_on_another_worker_if_the_first_one_is_lost() {
    let stage = without_workers(2, 1);
    let errors = fails(&stage);
    assert!(errors.contains("with --replan, which counts them on another worker"), "{errors}");
    let next = begun::status(&stage, &stage.deployment).next_command;
    assert_eq!(next.as_deref(), Some("cutover window qa.toml --replan"));
    let plan = begun::planned(&stage, &stage.deployment).expect("it can be planned");
    assert_eq!(plan.order, Order::Overlapped);
    begun::replanned(&stage, &stage.deployment.clone()).expect("it can be planned");
    let upgrade = stage.reading().upgrade;
    assert!(left(&upgrade).iter().any(|(step, _)| step.as_str() == "window.tasks.residential-live"), "{upgrade:?}");
}
