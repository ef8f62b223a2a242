//! Windows in which a database has too little room for its migrations.

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Fact, Run};
use cutover_core::plan::{Action, Phase};
use cutover_rehearsal::Fault;

use super::again::errors;
use super::stage::{Stage, qa};

/// QA, whose database must have 20 GB free.
fn measuring() -> Deployment {
    let mut deployment = qa();
    deployment.databases[0].free_storage_command = vec!["free-storage".to_owned()];
    deployment.databases[0].min_free = Some("20 GB".parse().expect("a size"));
    deployment
}

#[test]
fn a_database_with_too_little_room_stops_the_window_before_anything_is_migrated() {
    let deployment = measuring();
    let database = deployment.databases[0].name.clone();
    let stage = Stage::new(deployment, |world| {
        world.faults.push(Fault::StorageIsLow { database, bytes: 3_149_000_000 });
    });
    stage.conducted();
    let upgrade = stage.reading().upgrade;
    let runs = upgrade.runs.iter().flat_map(Run::runs);
    let migrated =
        runs.into_iter().any(|(step, run)| matches!(step.action, Action::Migrate(_)) && !run.status.is_untouched());
    assert!(!migrated);
    assert!(errors(&stage).contains("has 3.1 GB free, and `min_free` is 20 GB"), "{}", errors(&stage));
}

#[test]
fn how_much_was_free_is_on_record() {
    let stage = Stage::new(measuring(), |_| {});
    stage.conducted();
    let upgrade = stage.reading().upgrade;
    assert!(upgrade.finished(Phase::Window), "{}", errors(&stage));
    let facts = upgrade.runs.iter().flat_map(Run::runs).flat_map(|(_, run)| &run.facts);
    let noted =
        facts.into_iter().any(|fact| matches!(fact, Fact::Note { text } if text.starts_with("1000.0 GB free on ")));
    assert!(noted);
}
