//! Migrations that have a bad day.

use std::time::Duration;

use cutover_e2e::run::{after_window, conduct, follow};
use cutover_e2e::servers::Session;
use cutover_e2e::stage::{Deployment, Stage};
use cutover_e2e::waiting::until;

use crate::support::{hold, is, must, next_host, tell};

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
    for words in [
        "0002_modes_and_certificates",
        "already exists",
        "column courses_enrollment.mode is there",
        &format!("--retry {STEP}"),
    ] {
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

/// The migration during which the host is rebooted.
const RETRIED: &str = "window.migrate.live.2-lms-student_module_history";

/// Keeps a table from being changed. Ends with the session.
fn lock(stage: &Stage, table: &str) -> Session {
    stage.database().session(&format!("begin; select count(*) from {table}"))
}

/// Waits until a migration waits for such a lock.
fn wait_until_blocked(stage: &Stage) {
    let waiting = "select count(*) from information_schema.processlist where state = 'Waiting for table metadata lock'";
    let blocked = || (stage.database().query(waiting) != "0").then_some(());
    assert!(until(Duration::from_secs(60), blocked).is_some(), "no migration waits for a lock");
}

/// Whether progress is about a step whose name begins so.
fn is_about(progress: &serde_json::Value, step: &str) -> bool {
    progress["step"].as_str().is_some_and(|name| name.starts_with(step))
}

#[test]
fn a_migration_survives_a_pulled_cable_and_one_that_a_reboot_has_ended_runs_again_with_consent() {
    let stage = Stage::furnish(Deployment::small());
    stage.plan_window(25);
    must(&stage, &["announce"]);
    must(&stage, &["prepare"]);
    let next = next_host(&stage);
    let mut first = Some(lock(&stage, "edxapp_live.courses_enrollment"));
    let second = lock(&stage, "edxapp_csmh_live.history_answer");
    let mut conductor = stage.program().start(&["window"]);
    let mut rebooted = false;
    let failed = follow(stage.program(), &mut conductor, &tell, |progress| {
        let event = &progress["event"];
        if is(event, "step-learned", "window.migrate.live.1") && first.is_some() {
            wait_until_blocked(&stage);
            stage.world().with_host(&next, cutover_rig::Debian::unplug);
        }
        let waits = progress["progress"] == "waiting" && is_about(progress, "window.migrate.live.1");
        if waits && first.is_some() {
            stage.world().with_host(&next, cutover_rig::Debian::plug_in);
            first = None;
        }
        if is(event, "step-learned", "window.migrate.live.2") && !rebooted {
            wait_until_blocked(&stage);
            stage.world().with_host(&next, cutover_rig::Debian::reboot);
            rebooted = true;
        }
        false
    });
    assert!(rebooted);
    assert_eq!(failed.code, 6, "{}", failed.said);
    drop(second);
    let status = stage.program().run(&["status"]).ended(0);
    tell(&status);
    // The reboot has not started its services, so nothing is in the way of the migration.
    let again = conduct(stage.program(), &["window", "--retry", RETRIED], &tell);
    tell(&again.said);
    tell(&stage.program().run(&["status"]).out);
    assert_eq!(again.code, 0);
    hold(&after_window(&stage));
}
