//! Windows in which somebody starts the old services again: nothing that they write is missing from the snapshot that the
//! upgrade may have to go back to, unless an operator has accepted that.

use std::cell::Cell;
use std::rc::Rc;

use async_trait::async_trait;
use futures_util::future::{AbortHandle, Abortable};

use cutover_core::deployment::Role;
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, Run, StepRun, StepStatus, needs_new_snapshot};
use cutover_core::names::{InstanceId, SnapshotId};
use cutover_core::plan::{Action, CapturedHost, Order, Phase, Plan, Step};
use cutover_core::planner::{Blocked, Inputs, forecast, plan};
use cutover_core::progress::Progress;
use cutover_core::status::PutBack;
use cutover_engine::failure::FailureClass;
use cutover_engine::gate::{FaultSource, Gate, InjectedFault, NoFaults, Permit};
use cutover_engine::journal::read;
use cutover_engine::observe::observe;
use cutover_engine::phase::{self, Ending};
use cutover_hosts::job::Job;
use cutover_hosts::supervisor::{self, Verb};
use cutover_rehearsal::{Invariant, run};

use super::begun::status;
use super::stage::{Stage, qa};

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

/// A conductor that dies at the call after the first one of that name.
struct DiesAfter {
    call: &'static str,
    dies: AbortHandle,
    is_made: Cell<bool>,
}

#[async_trait(?Send)]
impl FaultSource for DiesAfter {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if self.is_made.get() {
            self.dies.abort();
            std::future::pending::<()>().await;
        }
        self.is_made.set(call == self.call);
        None
    }
}

async fn start_workers(stage: &Stage) {
    order_where(stage, Verb::Start, |host| host.role == Role::Worker).await;
}

async fn stop_workers(stage: &Stage) {
    order_where(stage, Verb::Stop, |host| host.role == Role::Worker).await;
}

/// Somebody starts or stops the services of the current hosts of that kind.
pub(super) async fn order_where(stage: &Stage, verb: Verb, is_it: impl Fn(&CapturedHost) -> bool) {
    let upgrade = read(&stage.store).await.expect("the journal is consistent").upgrade;
    let current = upgrade.captured.iter().flatten().filter(|host| is_it(host));
    let hosts: Vec<_> = current.map(|host| (host.instance.clone(), host.role)).collect();
    order(stage, verb, &hosts).await;
}

/// Somebody starts or stops the services of these hosts.
pub(super) async fn order(stage: &Stage, verb: Verb, on: &[(InstanceId, Role)]) {
    // A person on the host itself, without any record in the journal.
    let reading = read(&stage.store).await.expect("the journal is consistent");
    let epoch = reading.records.last().map_or(1, |last| last.epoch);
    let (clock, hosts) = (stage.clock(), stage.cloud.world().hosts);
    for (instance, role) in on {
        let services = stage.deployment.role.services(*role).expect("it has services");
        let (supervisorctl, programs) = (services.supervisorctl.clone(), services.programs.clone());
        let order = supervisor::Order { verb, supervisorctl, programs, left: Vec::new() };
        let name = format!("by-hand-{}", clock.now().as_second());
        let job = Job::new(name.as_str().into(), order.command());
        let give = async |permit: &Permit| hosts.start_job(permit, instance, &job).await;
        Gate::alone_at(&clock, epoch).write("order", give).await.expect("they obey");
    }
    clock.sleep(std::time::Duration::from_secs(300)).await;
}

pub(super) fn window(stage: &Stage) -> Run {
    stage.reading().upgrade.run_of(Phase::Window).expect("it was begun").clone()
}

pub(super) fn snapshot_of(plan: &Plan) -> SnapshotId {
    let taken = plan.steps.iter().find_map(|step| match &step.action {
        Action::TakeSnapshot { snapshot, .. } if step.id.as_str().starts_with("window.snapshot.") => {
            (!step.id.as_str().contains("warm-up")).then(|| snapshot.clone())
        }
        _ => None,
    });
    taken.expect("it takes one")
}

/// Plans the window again, in this order, and runs it.
pub(super) fn replanned(stage: &Stage, order: Order) -> Ending {
    let conductor = stage.conductor(stage.clock(), Rc::new(NoFaults));
    let (deployment, upgrade) = (&stage.deployment, conductor.journal.upgrade().clone());
    let observation =
        run(&stage.clock, observe(&conductor.world, &*conductor.clock, deployment, &upgrade)).expect("it is seen");
    let plan = forecast(Inputs { deployment, observation: &observation, upgrade: &upgrade }, Phase::Window, order);
    let begin = Some((plan, Digest::of_json(deployment)));
    run(&stage.clock, phase::run(&conductor, begin, Phase::Window)).expect("the journal works")
}

/// The errors of the steps that have failed.
pub(super) fn errors(stage: &Stage) -> String {
    window(stage).failed().map(|(step, error)| format!("{}: {error}\n", step.id)).collect()
}

/// A conductor that dies as soon as this fact or event about a step of that name is on record.
pub(super) fn die_at(stage: &Stage, wanted: impl Fn(&Event) -> bool + 'static) {
    stage.die_at(move |progress| matches!(progress, Progress::Recorded { event, .. } if wanted(event)));
}

pub(super) fn is_about(event: &Event, beginning: &str) -> bool {
    event.step().is_some_and(|step| step.as_str().starts_with(beginning) && !step.as_str().contains("warm-up"))
}

/// A window in which the old workers are started between the look before the snapshot and the one after it.
pub(super) fn started_during_the_snapshot() -> Rc<Stage> {
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
    assert!(error.contains("may be missing from"), "{error}");
    stage
}

#[test]
fn services_that_are_started_while_the_snapshot_is_made_are_stopped_and_another_snapshot_is_taken() {
    let stage = started_during_the_snapshot();
    let (first, upgrade) = (snapshot_of(&window(&stage).plan), stage.reading().upgrade);
    assert!(needs_new_snapshot(&window(&stage), &upgrade));
    assert_eq!(replanned(&stage, Order::Overlapped), Ending::Finished);
    let second = snapshot_of(&window(&stage).plan);
    assert_eq!(second.to_string(), format!("{first}-2"));
    assert!(stage.reading().upgrade.snapshots.contains_key(&second));
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn an_operator_may_go_on_with_a_snapshot_that_lacks_something_and_is_asked_once() {
    let stage = started_during_the_snapshot();
    let step = window(&stage).failed().next().expect("it has failed").0.id.clone();
    stage.record([Event::StepRetryApproved { step, by: "ada".to_owned() }]);
    assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished, "{}", errors(&stage));
    let violations: Vec<Invariant> = stage.cloud.violations().iter().map(|violation| violation.invariant).collect();
    assert_eq!(violations, [Invariant::MigrationWithoutSnapshot]);
}

#[test]
fn no_fleet_migrates_a_database_before_all_that_write_to_it_were_seen_stopped() {
    let stage = started_during_the_snapshot();
    let started =
        |(step, run): &(&Step, &StepRun)| step.id.as_str().starts_with("window.migrate.") && !run.status.is_untouched();
    assert_eq!(window(&stage).runs().filter(started).count(), 0);
    let waits =
        |step: &Step| step.waits_for.iter().filter(|edge| edge.step.as_str().starts_with("window.confirm.")).count();
    let first = |step: &&Step| matches!(step.action, Action::Migrate(_)) && waits(step) > 0;
    let waits: Vec<usize> = window(&stage).plan.steps.iter().filter(first).map(waits).collect();
    assert_eq!(waits, [2, 2], "both fleets are on one database instance");
}

#[test]
fn a_new_plan_that_stops_services_after_the_snapshot_was_taken_takes_another_one() {
    let stage = Stage::prepared();
    die_at(&stage, |event| matches!(event, Event::StepDone { .. }) && is_about(event, "window.snapshot."));
    run(&stage.clock, start_workers(&stage));
    // In this order, the stops wait for other steps than before, so that they are looked at anew.
    let Ending::Failed(_) = replanned(&stage, Order::Runbook) else { panic!("the snapshot lacks something") };
    assert!(errors(&stage).contains("may be missing from"), "{}", errors(&stage));
    assert_eq!(replanned(&stage, Order::Runbook), Ending::Finished, "{}", errors(&stage));
    assert!(snapshot_of(&window(&stage).plan).as_str().ends_with("-2"));
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn a_snapshot_that_was_begun_counts_although_its_end_is_not_on_record() {
    let stage = Stage::prepared();
    die_at(&stage, |event| {
        let begun = |fact: &Fact| matches!(fact, Fact::SnapshotBegun { .. });
        event.facts().iter().any(begun) && is_about(event, "window.snapshot.")
    });
    run(&stage.clock, start_workers(&stage));
    let Ending::Failed(_) = replanned(&stage, Order::Runbook) else { panic!("the snapshot may lack something") };
    assert_eq!(replanned(&stage, Order::Runbook), Ending::Finished, "{}", errors(&stage));
    assert!(snapshot_of(&window(&stage).plan).as_str().ends_with("-2"));
}

#[test]
fn after_a_migration_was_begun_a_new_plan_keeps_the_last_snapshot() {
    let stage = started_during_the_snapshot();
    replan_until_a_job(&stage);
    let second = snapshot_of(&window(&stage).plan);
    assert!(second.as_str().ends_with("-2"));
    assert_eq!(replanned(&stage, Order::Overlapped), Ending::Finished, "{}", errors(&stage));
    assert_eq!(snapshot_of(&window(&stage).plan), second);
    assert_eq!(stage.cloud.violations(), []);
}

/// Plans the window again and lets its conductor die once a migration was begun.
fn replan_until_a_job(stage: &Stage) {
    let (dies, registration) = AbortHandle::new_pair();
    let conductor =
        stage.conductor(stage.clock(), Rc::new(DiesAfter { call: "start_job", dies, is_made: Cell::new(false) }));
    let (deployment, upgrade) = (&stage.deployment, conductor.journal.upgrade().clone());
    let observation =
        run(&stage.clock, observe(&conductor.world, &*conductor.clock, deployment, &upgrade)).expect("it is seen");
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    let begin = Some((forecast(inputs, Phase::Window, Order::Overlapped), Digest::of_json(deployment)));
    let died = run(&stage.clock, Abortable::new(phase::run(&conductor, begin, Phase::Window), registration));
    assert!(died.is_err(), "it was to die");
}

#[test]
fn a_migration_that_was_refused_because_services_ran_is_not_begun_on_the_old_snapshot_without_consent() {
    let stage = Stage::prepared();
    die_at(&stage, |event| {
        matches!(event, Event::StepHeld { .. } | Event::StepDone { .. })
            && is_about(event, "window.confirm.residential-live")
    });
    run(&stage.clock, start_workers(&stage));
    for _ in 0..2 {
        let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("they run") };
        assert!(needs_new_snapshot(&window(&stage), &stage.reading().upgrade), "{}", errors(&stage));
        // Somebody stops them by hand.
        run(&stage.clock, stop_workers(&stage));
    }
    assert_eq!(replanned(&stage, Order::Overlapped), Ending::Finished, "{}", errors(&stage));
    assert_eq!(stage.cloud.violations(), []);
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

#[test]
fn a_consent_is_to_what_was_found_so_far_and_not_to_what_is_found_later() {
    let stage = started_during_the_snapshot();
    let approve = || {
        let step = window(&stage).failed().next().expect("it has failed").0.id.clone();
        stage.record([Event::StepRetryApproved { step, by: "ada".to_owned() }]);
    };
    approve();
    run(&stage.clock, start_workers(&stage));
    let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("they ran once more") };
    assert!(errors(&stage).contains("may be missing from"), "{}", errors(&stage));
    approve();
    assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished, "{}", errors(&stage));
}

#[test]
fn a_consent_to_another_attempt_at_a_migration_is_none_to_a_snapshot() {
    let stage = started_during_the_snapshot();
    let upgrade = stage.reading().upgrade;
    let migrates = |step: &&Step| matches!(step.action, Action::Migrate(_));
    let step = window(&stage).plan.steps.iter().find(migrates).expect("it migrates").id.clone();
    let mut after = upgrade.clone();
    let at = upgrade.updated_at.expect("there are records");
    let failed = [
        Event::StepStarted { step: step.clone(), attempt: 1 },
        Event::StepFailed { step: step.clone(), error: "half".to_owned(), in_doubt: false, changed_nothing: false },
        Event::StepRetryApproved { step, by: "ada".to_owned() },
    ];
    failed.iter().for_each(|event| after.apply(at, event).expect("it can happen"));
    assert!(!upgrade.outdated_snapshots.is_empty());
    assert_eq!(after.outdated_snapshots, upgrade.outdated_snapshots);
}

#[test]
fn without_a_snapshot_no_text_promises_another_one() {
    let mut deployment = qa();
    deployment.databases.iter_mut().for_each(|database| database.snapshot = false);
    let stage = Stage::prepared_with(deployment);
    die_at(&stage, |event| {
        matches!(event, Event::StepHeld { .. } | Event::StepDone { .. })
            && is_about(event, "window.confirm.residential-live")
    });
    run(&stage.clock, start_workers(&stage));
    let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("they run") };
    let errors = errors(&stage);
    assert!(errors.contains("stop what runs") && !errors.contains("snapshot"), "{errors}");
    assert!(!needs_new_snapshot(&window(&stage), &stage.reading().upgrade));
}

#[test]
fn a_new_plan_does_not_stop_the_services_that_the_window_has_started() {
    for last in ["window.start.edx-", "window.lift."] {
        let stage = Stage::prepared();
        die_at(&stage, move |event| matches!(event, Event::StepDone { .. }) && is_about(event, last));
        // In this order, the last look waits for other steps than before, so that it is made anew.
        assert_eq!(replanned(&stage, Order::Runbook), Ending::Finished, "{}", errors(&stage));
        let again = window(&stage)
            .runs()
            .filter(|(_, run)| run.facts.iter().any(|fact| matches!(fact, Fact::RanAgain { .. })))
            .count();
        assert_eq!((again, stage.cloud.violations()), (0, Vec::new()), "{last}");
    }
}

#[test]
fn a_migration_that_is_added_once_next_services_were_started_is_refused() {
    let mut deployment = qa();
    let added = deployment.migrations.pop().expect("there is one");
    let stage = Stage::prepared_with(deployment);
    die_at(&stage, |event| matches!(event, Event::StepDone { .. }) && is_about(event, "window.start.edx-"));
    let mut edited = stage.deployment.clone();
    edited.migrations.push(added);
    let upgrade = stage.reading().upgrade;
    let (world, clock) = (stage.cloud.world(), stage.clock());
    let observation = run(&stage.clock, observe(&world, &*clock, &edited, &upgrade)).expect("it is seen");
    let inputs = Inputs { deployment: &edited, observation: &observation, upgrade: &upgrade };
    let Err(blocked) = plan(inputs, Phase::Window, Order::Overlapped) else { panic!("new code runs") };
    let is_about_it = |blocked: &Blocked| matches!(blocked, Blocked::MigrationAfterStart { .. });
    assert!(!blocked.is_empty() && blocked.iter().all(is_about_it), "{blocked:?}");
    let status = status(&stage, &edited);
    let put_back = status.edited.and_then(|edited| edited.put_back);
    assert_eq!((put_back, status.next_command), (Some(PutBack::WithoutAdded), None));
}
