//! Windows whose migrations are more than one command.

use cutover_core::deployment::{Deployment, Fake};
use cutover_core::journal::Fact;
use cutover_core::plan::Phase;

use super::again::errors;
use super::stage::{Stage, qa};

/// QA, whose first migration runs a command first and another one last, and records one migration without running it.
fn with_more() -> Deployment {
    let mut deployment = qa();
    let words = |command: &str| vec!["manage.py".to_owned(), "lms".to_owned(), command.to_owned()];
    let migration = &mut deployment.migrations[0];
    migration.before = vec![words("clearsessions")];
    migration.after = vec![words("reindex")];
    migration.lock_command = vec!["with-lock".to_owned()];
    migration.fake = vec![Fake { name: "student.0012_koa".into(), reason: "its index was added in May".to_owned() }];
    deployment
}

#[test]
fn what_is_recorded_without_being_run_is_on_record_for_each_fleet_with_the_reason() {
    let stage = Stage::new(with_more(), |_| {});
    stage.conducted();
    let upgrade = stage.reading().upgrade;
    assert!(upgrade.finished(Phase::Window), "{}", errors(&stage));
    let faked: Vec<&str> = upgrade
        .migrated
        .iter()
        .filter_map(|fact| match fact {
            Fact::Faked { fleet, migration, reason } if migration.as_str() == "student.0012_koa" => {
                assert_eq!(reason, "its index was added in May");
                Some(fleet.as_str())
            }
            _ => None,
        })
        .collect();
    assert_eq!(faked.len(), stage.deployment.fleets.len(), "{faked:?}");
    assert_eq!(stage.cloud.violations(), []);
}
