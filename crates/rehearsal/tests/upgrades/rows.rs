//! Windows that count the rows of tables before their migrations and after them.

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_core::plan::Phase;
use cutover_rehearsal::{Fault, WorldState};

use super::again::errors;
use super::stage::{Stage, qa};

/// QA, which counts the rows of two tables.
fn counting() -> Deployment {
    let mut deployment = qa();
    let database = &mut deployment.databases[0];
    database.count_rows_command = vec!["count-rows".to_owned()];
    let schema = &database.schemas[0];
    database.tables = ["auth_user", "student_courseenrollment"].map(|table| format!("{schema}.{table}")).to_vec();
    deployment
}

fn upgraded(deployment: Deployment, faults: impl FnOnce(&mut WorldState)) -> Upgrade {
    let stage = Stage::new(deployment, faults);
    stage.conducted();
    let upgrade = stage.reading().upgrade;
    assert!(upgrade.finished(Phase::Window), "{}", errors(&stage));
    upgrade
}

#[test]
fn rows_are_on_record_from_before_and_after_the_migrations() {
    let upgrade = upgraded(counting(), |_| {});
    let counts = upgrade.rows.values().next().expect("counts");
    assert_eq!((counts.before.len(), &counts.before, counts.lost()), (2, &counts.after, Vec::new()));
}

#[test]
fn a_table_that_has_lost_rows_is_named_and_stops_nothing() {
    let deployment = counting();
    let table = deployment.databases[0].tables[0].clone();
    let upgrade = upgraded(deployment, |world| world.faults.push(Fault::MigrationsLoseRows { table, rows: 3 }));
    let counts = upgrade.rows.values().next().expect("counts");
    let [lost] = &counts.lost()[..] else { panic!("{counts:?}") };
    assert!(lost.contains(".auth_user ("), "{lost}");
    assert_eq!(counts.before[0].rows.map(|rows| rows - 3), counts.after[0].rows);
}
