//! Windows in which somebody starts the old services again: nothing that they write is missing from the snapshot that the
//! upgrade may have to go back to, unless an operator has accepted that.

use std::cell::Cell;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::deployment::Role;
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, Run, StepStatus, Upgrade, needs_new_snapshot};
use cutover_core::names::{InstanceId, SnapshotId};
use cutover_core::plan::{Action, Order, Phase, Plan};
use cutover_core::planner::{Inputs, forecast};
use cutover_engine::failure::FailureClass;
use cutover_engine::gate::{FaultSource, Gate, InjectedFault, NoFaults, Permit};
use cutover_engine::journal::read;
use cutover_engine::observe::observe;
use cutover_engine::phase::{self, Ending};
use cutover_rehearsal::{Invariant, run};

use super::stage::Stage;

/// Somebody who starts the programs of the current workers right before a call of that name.
struct Starts {
    stage: Rc<Stage>,
    call: &'static str,
    /// How many calls of that name are left until then.
    left: Cell<u32>,
}

#[async_trait(?Send)]
impl FaultSource for Starts {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if call == self.call && self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            if self.left.get() == 0 {
                start_workers(&self.stage).await;
            }
        }
        None
    }
}

/// Refuses to put the maintenance page up.
struct Refuses;

#[async_trait(?Send)]
impl FaultSource for Refuses {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        (call == "change_records").then_some(InjectedFault::Fails(FailureClass::Permanent))
    }
}

async fn start_workers(stage: &Stage) {
    let programs = &stage.deployment.role.worker.as_ref().expect("it has workers").programs;
    // A person on the host itself, without any record in the journal.
    let reading = read(&stage.store).await.expect("the journal is consistent");
    let epoch = reading.records.last().map_or(1, |last| last.epoch);
    let (clock, hosts) = (stage.clock(), stage.cloud.world().hosts);
    for worker in current_workers(&reading.upgrade) {
        let start = async |permit: &Permit| hosts.start(permit, &worker, "supervisorctl", programs).await;
        Gate::alone_at(&clock, epoch).write("start", start).await.expect("they are started");
    }
    clock.sleep(std::time::Duration::from_secs(30)).await;
}

fn current_workers(upgrade: &Upgrade) -> Vec<InstanceId> {
    let captured = upgrade.captured.iter().flatten();
    captured.filter(|host| host.role == Role::Worker).map(|host| host.instance.clone()).collect()
}

fn window(stage: &Stage) -> Run {
    stage.reading().upgrade.run_of(Phase::Window).expect("it was begun").clone()
}

fn snapshot_of(plan: &Plan) -> SnapshotId {
    let taken = plan.steps.iter().find_map(|step| match &step.action {
        Action::TakeSnapshot { snapshot, .. } if step.id.as_str().starts_with("window.snapshot.") => {
            (!step.id.as_str().contains("warm-up")).then(|| snapshot.clone())
        }
        _ => None,
    });
    taken.expect("it takes one")
}

/// Plans the window again and runs it.
fn replanned(stage: &Stage) -> Ending {
    let conductor = stage.conductor(stage.clock(), Rc::new(NoFaults));
    let (deployment, upgrade) = (&stage.deployment, conductor.journal.upgrade().clone());
    let observation =
        run(&stage.clock, observe(&conductor.world, &*conductor.clock, deployment, &upgrade)).expect("it is seen");
    let plan =
        forecast(Inputs { deployment, observation: &observation, upgrade: &upgrade }, Phase::Window, Order::Overlapped);
    let begin = Some((plan, Digest::of_json(deployment)));
    run(&stage.clock, phase::run(&conductor, begin, Phase::Window)).expect("the journal works")
}

/// A window in which the old workers are started between the look before the snapshot and the one after it.
fn started_during_the_snapshot() -> Rc<Stage> {
    let stage = Rc::new(Stage::prepared());
    let databases = stage.deployment.databases.iter();
    let warm_up = u32::try_from(databases.filter(|database| database.warm_up_snapshot).count()).expect("few");
    let starts = Rc::new(Starts { stage: Rc::clone(&stage), call: "begin_snapshot", left: Cell::new(warm_up + 1) });
    let ending = stage.run_with(Phase::Window, Rc::clone(&starts) as _);
    assert_eq!(starts.left.get(), 0, "the snapshot of the window was not begun");
    let Ending::Failed(steps) = ending else { panic!("{ending:?}") };
    let step = &steps[0];
    assert!(step.as_str().starts_with("window.confirm."), "{step}");
    let StepStatus::Failed { error, .. } = window(&stage).status(step).clone() else { panic!("it has failed") };
    assert!(error.contains("may be missing from snapshot"), "{error}");
    stage
}

#[test]
fn services_that_are_started_while_the_snapshot_is_made_are_stopped_and_another_snapshot_is_taken() {
    let stage = started_during_the_snapshot();
    let (first, upgrade) = (snapshot_of(&window(&stage).plan), stage.reading().upgrade);
    assert!(needs_new_snapshot(&window(&stage), &upgrade));
    assert_eq!(replanned(&stage), Ending::Finished);
    let second = snapshot_of(&window(&stage).plan);
    assert_eq!(second.to_string(), format!("{first}-2"));
    assert!(stage.reading().upgrade.snapshots.contains_key(&second));
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn an_operator_may_go_on_with_a_snapshot_that_lacks_something() {
    let stage = started_during_the_snapshot();
    // Both fleets write to the database, so each of them needs the consent.
    for _ in &stage.deployment.fleets {
        let step = window(&stage).failed().next().expect("it has failed").0.id.clone();
        stage.record([Event::StepRetryApproved { step, by: "ada".to_owned() }]);
        if stage.run_with(Phase::Window, Rc::new(NoFaults)) == Ending::Finished {
            break;
        }
    }
    assert!(!window(&stage).is_under_way());
    let violations: Vec<Invariant> = stage.cloud.violations().iter().map(|violation| violation.invariant).collect();
    assert_eq!(violations, [Invariant::MigrationWithoutSnapshot]);
}

#[test]
fn workers_that_were_started_by_hand_after_the_page_was_refused_are_stopped_before_the_snapshot() {
    let stage = Rc::new(Stage::prepared());
    assert!(matches!(stage.run_with(Phase::Window, Rc::new(Refuses)), Ending::Failed(_)));
    let stops = window(&stage)
        .runs()
        .filter(|(step, run)| step.id.as_str().starts_with("window.stop.") && run.status.is_done())
        .count();
    assert!(stops > 0, "workers stop while visitors are being diverted");
    run(&stage.clock, start_workers(&stage));
    assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished);
    let window = window(&stage);
    let found = window.runs().filter(|(step, _)| step.id.as_str().starts_with("window.stopped."));
    let facts: Vec<&Fact> = found.flat_map(|(_, run)| &run.facts).collect();
    let again = |fact: &&&Fact| matches!(fact, Fact::RanAgain { snapshots, .. } if snapshots.is_empty());
    assert!(facts.iter().any(|fact| again(&fact)), "{facts:?}");
    assert_eq!(stage.cloud.violations(), []);
}
