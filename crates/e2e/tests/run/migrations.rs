//! Migrations that have a bad day.

use cutover_e2e::run::{after_window, conduct};
use cutover_e2e::stage::{Deployment, Stage};

use crate::support::{hold, must, tell};

/// The migration that fails.
const STEP: &str = "window.migrate.live.1-lms-default";

#[test]
fn a_migration_that_fails_half_way_is_named_is_not_retried_and_goes_on_once_the_schema_is_repaired() {
    let stage = Stage::furnish(Deployment::small());
    stage.plan_window(25);
    must(&stage, &["announce"]);
    must(&stage, &["prepare"]);
    // The migration adds a column, and then makes a table that somebody has made already.
    stage.database().query("create table edxapp_live.courses_certificate (id bigint primary key)");
    let failed = conduct(stage.program(), &["window"], &tell);
    assert_eq!(failed.code, 6, "{}", failed.said);
    let columns = || stage.database().query("show columns from edxapp_live.courses_enrollment like 'mode'");
    assert!(columns().starts_with("mode"), "half of it was applied");
    let applied = "select count(*) from edxapp_live.django_migrations where name like '0002_modes%'";
    assert_eq!(stage.database().query(applied), "0");

    let status = stage.program().run(&["status"]).ended(0);
    tell(&status);
    for words in ["0002_modes_and_certificates", "already exists", &format!("--retry {STEP}")] {
        let text = status.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{words}: {status}");
    }
    // Without consent it is only looked at again.
    assert_eq!(conduct(stage.program(), &["window"], &tell).code, 6);
    assert_eq!(stage.database().query(applied), "0");

    stage.database().query(
        "drop table edxapp_live.courses_certificate; alter table edxapp_live.courses_enrollment drop column mode",
    );
    must(&stage, &["window", "--retry", STEP]);
    assert_eq!(stage.database().query(applied), "1");
    hold(&after_window(&stage));
}
