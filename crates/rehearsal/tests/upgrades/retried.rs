//! Windows in which a migration takes longer than its limit: its job is waited for, whatever was consented to while it ran, and
//! `status` says what to type.

use std::rc::Rc;

use cutover_core::journal::{Event, Fact};
use cutover_core::names::StepId;
use cutover_core::plan::{Order, Phase};
use cutover_core::status::{FailedStep, PutBack};
use cutover_core::time::Span;
use cutover_engine::gate::{Gate, NoFaults, Permit};
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_rehearsal::{Fault, WorldState, run};

use super::again::{errors, replanned, window};
use super::begun::status;
use super::stage::{Stage, qa};

const LMS: &str = "window.migrate.residential-live.1-lms-default";
const HOST: &str = "edx-mitx-qa-residential-live-0-v4";

/// A window that has failed because the migrations of lms take longer than the file allows.
fn past_limit(faults: impl FnOnce(&mut WorldState)) -> Stage {
    let mut stage = Stage::prepared_in(qa(), faults);
    let migration = &mut stage.deployment.migrations[0];
    (migration.expected, migration.limit) = (span("1m"), span("1m"));
    let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("it takes five minutes") };
    assert!(errors(&stage).contains("is still running on"), "{}", errors(&stage));
    stage
}

fn span(text: &str) -> Span {
    text.parse().expect("a length")
}

/// Somebody consents to another run.
fn consent(stage: &Stage) {
    stage.record([Event::StepRetryApproved { step: LMS.into(), by: "ada".to_owned() }]);
}

fn failed(stage: &Stage) -> FailedStep {
    let failed = status(stage, &stage.deployment).failed.into_iter();
    failed.into_iter().find(|failed| failed.step.as_str() == LMS).expect("it has failed")
}

/// Runs the window again until its jobs have ended.
fn wait_until_it_ends(stage: &Stage) {
    let mut again = (0..10).map(|_| stage.run_with(Phase::Window, Rc::new(NoFaults)));
    assert!(again.any(|ending| ending == Ending::Finished), "{}", errors(stage));
}

/// How many jobs the migration has started.
fn jobs(stage: &Stage) -> usize {
    let window = window(stage);
    window.run(&StepId::from(LMS)).facts.iter().filter(|fact| matches!(fact, Fact::Job { .. })).count()
}

fn half_applied() -> Fault {
    let (fleet, service, database) = ("residential-live".into(), "lms".to_owned(), "default".to_owned());
    Fault::MigrationFails { fleet, service, database, after: 5 }
}

#[test]
fn while_its_job_may_run_a_migration_is_only_waited_for() {
    let stage = past_limit(|_| {});
    let shown = failed(&stage);
    assert!(shown.job_may_run && shown.retry_command.is_none() && !shown.consent_holds, "{shown:?}");
    assert_eq!(status(&stage, &stage.deployment).next_command.as_deref(), Some("cutover window qa.toml"));
    consent(&stage);
    wait_until_it_ends(&stage);
    assert_eq!(jobs(&stage), 1);
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn a_job_that_fails_after_a_consent_is_shown_and_not_run_again_without_another_one() {
    let stage = past_limit(|world| world.faults.push(half_applied()));
    consent(&stage);
    for _ in 0..2 {
        let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("it is half applied") };
        assert!(errors(&stage).contains("ended with exit status 1"), "{}", errors(&stage));
        assert_eq!(jobs(&stage), 1);
    }
    let shown = failed(&stage);
    assert!(!shown.job_may_run && shown.retry_command.is_some(), "{shown:?}");
    let next = |stage: &Stage| status(stage, &stage.deployment).next_command;
    assert_eq!(next(&stage), None, "without a consent, every run finds it failed");
    consent(&stage);
    assert_eq!(next(&stage).as_deref(), Some("cutover window qa.toml"));
    stage.run_with(Phase::Window, Rc::new(NoFaults));
    assert_eq!(jobs(&stage), 2);
}

async fn terminate_host(stage: &Stage) {
    let (clock, compute) = (Rc::clone(&stage.clock) as Rc<dyn Clock>, stage.cloud.world().compute);
    let journal = cutover_engine::journal::read(&stage.store).await.expect("the journal is consistent");
    let instance = &journal.upgrade.launched[&HOST.into()];
    let terminate = async |permit: &Permit| compute.terminate(permit, instance).await;
    Gate::alone_at(&clock, 99).write("terminate", terminate).await.expect("it is terminated");
    clock.sleep(std::time::Duration::from_secs(300)).await;
}

#[test]
fn a_job_whose_host_is_lost_after_a_consent_is_not_run_on_another_one_without_another_consent() {
    let stage = past_limit(|_| {});
    consent(&stage);
    run(&stage.clock, terminate_host(&stage));
    let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("its host is gone") };
    let next = status(&stage, &stage.deployment).next_command;
    assert_eq!(next.as_deref(), Some("cutover window qa.toml --replan"), "{}", errors(&stage));
    for _ in 0..2 {
        let Ending::Failed(_) = replanned(&stage, Order::Overlapped) else { panic!("it may be half applied") };
        let error = errors(&stage);
        assert!(error.contains(&format!("started on {HOST}, which is gone")), "{error}");
        assert_eq!(jobs(&stage), 1);
    }
    let shown = failed(&stage);
    assert!(!shown.job_may_run && shown.retry_command.is_some(), "{shown:?}");
    consent(&stage);
    wait_until_it_ends(&stage);
    assert_eq!(jobs(&stage), 2);
}

#[test]
fn a_migration_that_was_removed_while_its_job_may_run_is_not_said_to_have_failed() {
    let stage = past_limit(|_| {});
    let mut edited = stage.deployment.clone();
    edited.migrations.remove(0);
    let told = status(&stage, &edited).edited.expect("it was edited");
    assert_eq!(told.put_back, Some(PutBack::Migrations));
    let words = told.put_back_words(edited.window.start).expect("it is to be put back");
    assert!(words.contains("its end is not known") && !words.contains("it has failed"), "{words}");
}
