//! Migrations that have a bad day.

use cutover_e2e::run::{after_window, conduct, follow};
use cutover_e2e::stage::Deployment;

use crate::support::{hold, is, is_about, lock, must, one_line, prepared, prepared_of, tell};

/// The migration that fails.
const STEP: &str = "window.migrate.live.1-lms-default";

#[test]
fn a_forgotten_transaction_is_named_and_a_migration_that_fails_half_way_goes_on_once_the_schema_is_repaired() {
    let stage = prepared_of(Deployment::small().naming_all_sessions());
    // The migration adds a column, and then makes a table that somebody has made already.
    stage.database().query(
        "create table edxapp_live.courses_certificate (id bigint primary key); install soname 'metadata_lock_info'",
    );
    let mut forgotten = Some(lock(&stage, "edxapp_live.courses_enrollment"));
    let mut conductor = stage.program().start(&["window"]);
    let failed = follow(stage.program(), &mut conductor, &tell, |progress| {
        if is(&progress["event"], "step-started", "window.migrate.") {
            assert!(forgotten.is_none(), "no migration is begun as long as there is a session");
        }
        if progress["progress"] == "waiting" && is_about(progress, "window.sessions.") {
            let detail = progress["detail"].as_str().unwrap_or_default();
            for words in ["root@localhost", "transaction open for", "holds a lock on edxapp_live.courses_enrollment"] {
                assert!(detail.contains(words), "{words}: {detail}");
            }
            forgotten = None;
        }
        false
    });
    assert!(forgotten.is_none(), "it was named");
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
        assert!(one_line(&status).contains(words), "{words}: {status}");
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

/// The sessions of the database that wait for a lock of a table.
const WAITING: &str = "select id from information_schema.processlist where state = 'Waiting for table metadata lock'";

#[test]
fn a_migration_that_waits_for_a_lock_beyond_its_limit_is_ended_and_goes_on_with_consent_once_its_session_is_gone() {
    let stage = prepared();
    let file = stage.world().machines().operator().path().join("campus.toml");
    let text = std::fs::read_to_string(&file).expect("readable");
    let limits = "warn_after = \"8s\"\nlimit = \"15s\"\npast_limit = \"kill\"";
    let shorter = text.replacen("warn_after = \"1m\"\nlimit = \"2m\"", limits, 1);
    assert_ne!(shorter, text);
    std::fs::write(&file, shorter).expect("written");
    let blocker = lock(&stage, "edxapp_live.courses_enrollment");
    let failed = conduct(stage.program(), &["window"], &tell);
    assert_eq!(failed.code, 6, "{}", failed.said);
    let status = stage.program().run(&["status"]).ended(0);
    tell(&status);
    let text = one_line(&status);
    for words in [
        "was killed by its limit of 15s",
        "stuck at courses.0002_modes_and_certificates: nothing of 4 statements is in the database",
        "see in the database's list of sessions that its last statement does not go on",
    ] {
        assert!(text.contains(words), "{words}: {status}");
    }
    let report = one_line(&stage.program().run(&["report"]).ended(0));
    assert!(report.contains("about to be ended") && report.contains("usually 7s"), "{report}");
    // The database has not noticed that its client is gone, and would go on with the statement once the lock is free.
    stage.database().query(WAITING).lines().for_each(|id| drop(stage.database().query(&format!("kill {id}"))));
    drop(blocker);
    must(&stage, &["window", "--retry", STEP]);
    hold(&after_window(&stage));
}
