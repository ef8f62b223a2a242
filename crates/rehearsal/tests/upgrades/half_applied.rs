//! Windows in which a migration fails half-way, or is ended by its limit: what the operator is told, and how it goes on.

use std::rc::Rc;

use cutover_core::deployment::{Deployment, PastLimit};
use cutover_core::journal::{Event, Fact};
use cutover_core::names::StepId;
use cutover_core::plan::Phase;
use cutover_engine::gate::NoFaults;
use cutover_engine::phase::Ending;
use cutover_rehearsal::Fault;

use super::again::errors;
use super::stage::{Stage, qa};

/// The migrations that take longer than a minute.
const LMS: [&str; 2] =
    ["window.migrate.residential-live.1-lms-default", "window.migrate.residential-draft.1-lms-default"];

/// mitx-qa with the two commands that tell what the database shows of a migration.
fn with_commands() -> Deployment {
    let mut deployment = qa();
    for migration in &mut deployment.migrations {
        let of = |command: &str| vec![command.to_owned(), migration.service.clone(), migration.database.clone()];
        (migration.sql_command, migration.schema_command) = (of("sqlmigrate"), of("schema"));
    }
    deployment
}

#[test]
fn a_migration_that_fails_half_way_is_compared_with_the_database() {
    let (fleet, service, database) = ("residential-live".into(), "lms".to_owned(), "default".to_owned());
    let fault = Fault::MigrationFails { fleet, service, database, after: 5 };
    let stage = Stage::prepared_in(with_commands(), |world| world.faults.push(fault));
    let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("a migration fails") };
    let told = errors(&stage);
    let found = "stuck at user_api.0012_koa: 1 of 2 statements is in the database: column user_api_thing.0012_koa is there, index \
                 0012_koa_index is not";
    assert!(told.contains(found), "{told}");
    assert!(told.contains("5 migrations of edxapp_residential_live were applied"), "{told}");
}

#[test]
fn a_migration_that_its_limit_has_ended_goes_on_with_consent_from_where_it_was() {
    let mut stage = Stage::prepared_in(qa(), |_| {});
    let migration = &mut stage.deployment.migrations[0];
    let minute = "1m".parse().expect("a length");
    (migration.expected, migration.limit, migration.past_limit) = (minute, minute, PastLimit::Kill);
    let Ending::Failed(_) = stage.run_with(Phase::Window, Rc::new(NoFaults)) else { panic!("it takes five minutes") };
    assert!(errors(&stage).contains("was killed by its limit of 1m"), "{}", errors(&stage));
    for _ in 0..10 {
        let window = stage.reading().upgrade.run_of(Phase::Window).expect("the window").clone();
        let failed = LMS.iter().filter(|step| window.run(&StepId::from(**step)).waits_for_consent());
        stage.record(failed.map(|step| Event::StepRetryApproved { step: (*step).into(), by: "ada".to_owned() }));
        if stage.run_with(Phase::Window, Rc::new(NoFaults)) == Ending::Finished {
            let upgrade = stage.reading().upgrade;
            let ran = upgrade.migrated.iter().find_map(|fact| match fact {
                Fact::Migrated { fleet, service, applied, ran, moved, .. }
                    if fleet.as_str() == "residential-live" && service == "lms" && !moved.is_empty() =>
                {
                    Some((*applied as usize, ran.len()))
                }
                _ => None,
            });
            assert!(ran.is_some_and(|(applied, ran)| applied == ran), "{ran:?}");
            return;
        }
    }
    panic!("it does not end: {}", errors(&stage));
}
