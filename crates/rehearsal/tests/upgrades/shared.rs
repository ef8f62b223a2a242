//! Windows of two fleets whose schemas are on one database instance, in which somebody starts the old services of one of them
//! while the other one migrates.

use std::rc::Rc;

use cutover_core::journal::{Event, Fact, Run, StepRun, needs_new_snapshot};
use cutover_core::plan::{Action, Order, Phase, Step};
use cutover_core::planner::{Blocked, Inputs, plan};
use cutover_core::status::PutBack;
use cutover_engine::gate::NoFaults;
use cutover_engine::observe::observe;
use cutover_engine::phase::Ending;
use cutover_hosts::supervisor::Verb;
use cutover_rehearsal::{Fault, run};

use super::again::{
    die_at, errors, is_about, order_where, replanned, snapshot_of, started_during_the_snapshot, window,
};
use super::begun::status;
use super::stage::{Stage, qa};

const LIVE: &str = "residential-live";
const DRAFT: &str = "residential-draft";

/// Somebody starts or stops the services of all old hosts of that fleet.
fn order_old(stage: &Stage, fleet: &str, verb: Verb) {
    run(&stage.clock, order_where(stage, verb, |host| host.fleet.as_str() == fleet));
}

const CMS: &str = "window.migrate.residential-live.3-cms-default";

/// Continues the window, which has to fail. Returns what has failed.
fn fails(stage: &Stage) -> String {
    let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("it has to fail") };
    errors(stage)
}

/// The steps of the window that have started a job of a migration.
fn jobs(window: &Run) -> usize {
    let has_job = |(_, run): &(&Step, &StepRun)| run.facts.iter().any(|fact| matches!(fact, Fact::Job { .. }));
    window.runs().filter(|(step, _)| matches!(step.action, Action::Migrate(_))).filter(has_job).count()
}

fn consent(stage: &Stage, step: &str) {
    stage.record([Event::StepRetryApproved { step: step.into(), by: "ada".to_owned() }]);
}

#[test]
fn no_migration_starts_while_old_services_of_another_fleet_run_that_writes_to_the_same_database() {
    let stage = Stage::prepared();
    die_at(&stage, |event| {
        matches!(event, Event::StepHeld { .. } | Event::StepDone { .. })
            && is_about(event, "window.confirm.residential-draft")
    });
    order_old(&stage, DRAFT, Verb::Start);
    let errors = fails(&stage);
    assert_eq!(jobs(&window(&stage)), 0, "{errors}");
    let refused =
        |step: &str| errors.lines().any(|line| line.starts_with(step) && line.contains("residential-draft-0-v3"));
    assert!(refused("window.migrate.residential-live.") && refused("window.migrate.residential-draft."), "{errors}");
    assert!(needs_new_snapshot(&window(&stage), &stage.reading().upgrade), "{errors}");
    assert_eq!(replanned(&stage, Order::Overlapped), Ending::Finished);
    assert_eq!(stage.cloud.violations(), []);
}

/// A window in which old services of the live fleet run again after its first migration.
fn started_between_migrations() -> Stage {
    let stage = Stage::prepared();
    die_at(&stage, |event| {
        matches!(event, Event::StepDone { .. }) && is_about(event, "window.migrate.residential-live.1-")
    });
    order_old(&stage, LIVE, Verb::Start);
    stage
}

#[test]
fn what_runs_again_between_migrations_is_named_for_every_fleet_and_is_not_said_to_be_stopped() {
    let stage = started_between_migrations();
    let errors = fails(&stage);
    for fleet in [LIVE, DRAFT] {
        let line = errors.lines().find(|line| line.starts_with(&format!("window.migrate.{fleet}."))).expect("it fails");
        assert!(line.contains("-residential-live-0-v3"), "{line}");
        assert!(!line.contains("stopped now"), "{line}");
    }
}

#[test]
fn a_consent_lets_no_migration_start_while_old_services_run() {
    let stage = started_between_migrations();
    fails(&stage);
    let before = jobs(&window(&stage));
    let failed: Vec<String> = window(&stage).failed().map(|(step, _)| step.id.to_string()).collect();
    failed.iter().for_each(|step| consent(&stage, step));
    fails(&stage);
    assert_eq!(jobs(&window(&stage)), before);
    order_old(&stage, LIVE, Verb::Stop);
    let errors = fails(&stage);
    assert!(errors.contains("They are stopped now"), "{errors}");
    failed.iter().for_each(|step| consent(&stage, step));
    assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished);
}

#[test]
fn a_consent_that_was_refused_before_its_job_was_started_still_holds() {
    let mut deployment = qa();
    deployment.databases.iter_mut().for_each(|database| database.snapshot = false);
    let (fleet, service, database) = ("residential-live".into(), "cms".to_owned(), "default".to_owned());
    let fault = Fault::MigrationFails { fleet, service, database, after: 5 };
    let stage = Stage::prepared_in(deployment, |world| world.faults.push(fault));
    fails(&stage);
    let before = jobs(&window(&stage));
    order_old(&stage, LIVE, Verb::Start);
    consent(&stage, CMS);
    assert!(fails(&stage).contains("running again"));
    assert_eq!(jobs(&window(&stage)), before);
    let status = status(&stage, &stage.deployment);
    let migrate = status.failed.iter().find(|failed| failed.step.as_str() == CMS).expect("it has failed");
    assert!(migrate.consent_holds && migrate.retry_command.is_none(), "{migrate:?}");
    order_old(&stage, LIVE, Verb::Stop);
    let errors = fails(&stage);
    assert!(errors.contains("-run-2 on edx-mitx-qa-residential-live-0-v4 ended with exit status 1"), "{errors}");
    // It was good for one start.
    let again = fails(&stage);
    assert!(again.contains("-run-2 on edx-mitx-qa-residential-live-0-v4 ended with exit status 1"), "{again}");
}

#[test]
fn a_file_without_the_snapshot_is_no_way_round_the_consent_to_it() {
    let stage = started_during_the_snapshot();
    let mut edited = stage.deployment.clone();
    edited.databases.iter_mut().for_each(|database| database.snapshot = false);
    let upgrade = stage.reading().upgrade;
    let (world, clock) = (stage.cloud.world(), stage.clock());
    let observation = run(&stage.clock, observe(&world, &*clock, &edited, &upgrade)).expect("it is seen");
    let inputs = Inputs { deployment: &edited, observation: &observation, upgrade: &upgrade };
    let Err(blocked) = plan(inputs, Phase::Window, Order::Overlapped) else { panic!("nobody has consented") };
    assert!(matches!(blocked.as_slice(), [Blocked::SnapshotLeft { .. }]), "{blocked:?}");
    let status = status(&stage, &edited);
    let put_back = status.edited.and_then(|edited| edited.put_back);
    assert_eq!((put_back, status.next_command), (Some(PutBack::Snapshots), None));
    // Whoever has consented may do without.
    let step = window(&stage).failed().next().expect("it has failed").0.id.to_string();
    consent(&stage, &step);
    let upgrade = stage.reading().upgrade;
    let inputs = Inputs { deployment: &edited, observation: &observation, upgrade: &upgrade };
    assert!(plan(inputs, Phase::Window, Order::Overlapped).is_ok());
}

#[test]
fn a_consent_settles_what_the_text_of_its_step_names_and_nothing_else() {
    let stage = started_during_the_snapshot();
    let upgrade = stage.reading().upgrade;
    let snapshots = [snapshot_of(&window(&stage).plan)];
    let all = upgrade.outdated_snapshots.behind(&snapshots);
    assert_eq!(all.len(), 2, "a worker of each fleet ran: {all:?}");
    let at = upgrade.updated_at.expect("there are records");
    for (step, error) in window(&stage).failed() {
        let mut after = upgrade.clone();
        after.apply(at, &Event::StepRetryApproved { step: step.id.clone(), by: "ada".to_owned() }).expect("it failed");
        let left = after.outdated_snapshots.behind(&snapshots);
        for host in all.keys() {
            assert_eq!(left.contains_key(host), !error.contains(host.as_str()), "{host}: {error}");
        }
    }
}
