//! Migrations that a window has begun, and a file from which they are removed or in which they are changed afterwards: the
//! window does not go on without one of which nobody knows that it has ended well.

use std::cell::Cell;
use std::rc::Rc;

use cutover_core::deployment::Deployment;
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, Run, Upgrade};
use cutover_core::plan::{Order, Phase, Plan};
use cutover_core::planner::{Blocked, Inputs, plan};
use cutover_core::progress::Progress;
use cutover_core::status::{ConductorState, PutBack, Status, StatusInputs};
use cutover_engine::gate::NoFaults;
use cutover_engine::observe::observe;
use cutover_engine::phase::{self, Ending};
use cutover_rehearsal::{Fault, run};

use super::stage::{Stage, qa};

/// What the ids of the steps end with that migrate cms, in both fleets.
const CMS: &str = ".3-cms-default";

/// A window whose conductor died as soon as both fleets had come as far as that with cms.
fn died_at(is_there: impl Fn(&Event) -> bool + 'static) -> Stage {
    let (stage, left) = (Stage::prepared(), Cell::new(2));
    stage.die_at(move |progress| {
        let Progress::Recorded { event, .. } = progress else { return false };
        let is_one = event.step().is_some_and(|step| step.as_str().ends_with(CMS)) && is_there(event);
        left.set(left.get() - u32::from(is_one));
        is_one && left.get() == 0
    });
    stage
}

/// A window whose conductor died once the jobs of cms had been started.
fn begun() -> Stage {
    died_at(|event| event.facts().iter().any(|fact| matches!(fact, Fact::Job { .. })))
}

/// The same where it has failed, half applied.
fn failed() -> Stage {
    let (fleet, service, database) = ("residential-live".into(), "cms".to_owned(), "default".to_owned());
    let fault = Fault::MigrationFails { fleet, service, database, after: 5 };
    let stage = Stage::prepared_in(qa(), |world| world.faults.push(fault));
    let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("it is half applied") };
    stage
}

/// The file without that migration. Its alias is migrated by another service, so the file is valid.
fn without_it() -> Deployment {
    let mut deployment = qa();
    deployment
        .migrations
        .retain(|migration| (migration.service.as_str(), migration.database.as_str()) != ("cms", "default"));
    deployment
}

/// Plans the window again from that file.
pub(super) fn planned(stage: &Stage, deployment: &Deployment) -> Result<Plan, Vec<Blocked>> {
    let upgrade = stage.reading().upgrade;
    let seen = run(&stage.clock, observe(&stage.cloud.world(), &*stage.clock, deployment, &upgrade));
    let inputs = Inputs { deployment, observation: &seen.expect("it is seen"), upgrade: &upgrade };
    plan(inputs, Phase::Window, Order::Overlapped)
}

/// Plans the window again from that file, and runs it.
pub(super) fn replanned(stage: &Stage, deployment: &Deployment) -> Result<Ending, Vec<Blocked>> {
    let begin = Some((planned(stage, deployment)?, Digest::of_json(deployment)));
    let conductor = stage.conductor(stage.clock(), Rc::new(NoFaults));
    Ok(run(&stage.clock, phase::run(&conductor, begin, Phase::Window)).expect("the journal works"))
}

pub(super) fn status(stage: &Stage, deployment: &Deployment) -> Status {
    let (upgrade, now) = (stage.reading().upgrade, stage.clock().now());
    let conductor = &ConductorState::Gone;
    Status::of(StatusInputs { upgrade: &upgrade, deployment, file: "qa.toml", now, conductor, damage: None })
}

fn window(upgrade: &Upgrade) -> &Run {
    upgrade.run_of(Phase::Window).expect("it was begun")
}

#[test]
fn a_window_is_not_planned_without_a_migration_that_it_has_begun() {
    for (stage, known) in [(begun(), "its end is not known"), (failed(), "it has failed")] {
        let blocked = replanned(&stage, &without_it()).expect_err("new code would run beside it");
        let words: Vec<String> = blocked.iter().map(ToString::to_string).collect();
        let words = words.iter().find(|words| words.contains("residential-live")).expect("it is one of them");
        for part in
            ["cms default", "edx-mitx-qa-residential-live-0-v4", "cutover-mitx-qa-koa-v4-residential-live-3", known]
        {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(words.contains("put it back in the file"), "{words}");
        let status = status(&stage, &without_it());
        let edited = status.edited.expect("it was edited");
        assert_eq!(
            (edited.put_back, status.apply_command, status.next_command),
            (Some(PutBack::Migrations), None, None)
        );
        let words = edited.put_back_words(status.clock).expect("it is to be put back");
        assert!(words.contains("cutover-mitx-qa-koa-v4-residential-live-3") && words.contains(known), "{words}");
    }
}

#[test]
fn a_window_goes_on_once_the_migration_is_put_back() {
    let stage = begun();
    replanned(&stage, &without_it()).expect_err("it is refused");
    assert_eq!(replanned(&stage, &qa()), Ok(Ending::Finished));
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn a_migration_that_has_ended_well_may_be_removed() {
    let stage = died_at(|event| matches!(event, Event::StepDone { .. }));
    assert_eq!(replanned(&stage, &without_it()), Ok(Ending::Finished));
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn a_migration_that_was_begun_on_another_schema_is_not_taken_for_the_one_in_the_file() {
    let stage = begun();
    let mut moved = qa();
    let fleet = moved.fleets.iter_mut().find(|fleet| fleet.name.as_str() == "residential-live").expect("it is there");
    fleet.schemas.insert("default".into(), "another".into());
    moved.databases[0].schemas.push("another".into());
    let blocked = replanned(&stage, &moved).expect_err("the job migrates another schema");
    assert!(
        !blocked.is_empty() && blocked.iter().all(|other| matches!(other, Blocked::MigrationLeft { .. })),
        "{blocked:?}"
    );
}

/// What the file says of a command counts for what is started next.
#[test]
fn a_migration_that_runs_is_waited_for_although_its_command_was_changed() {
    let stage = begun();
    let mut changed = qa();
    let is_it = |service: &str, database: &str| (service, database) == ("cms", "default");
    let migration = changed.migrations.iter_mut().find(|found| is_it(&found.service, &found.database));
    migration.expect("it is there").command.push("--traceback".to_owned());
    assert_eq!(replanned(&stage, &changed), Ok(Ending::Finished));
    let upgrade = stage.reading().upgrade;
    let steps = window(&upgrade).runs().filter(|(step, _)| step.id.as_str().ends_with(CMS));
    let jobs: Vec<&Fact> =
        steps.flat_map(|(_, run)| &run.facts).filter(|fact| matches!(fact, Fact::Job { .. })).collect();
    assert_eq!(jobs.len(), 2, "{jobs:?}");
}
