//! A database that has a bad day.

use cutover_e2e::run::{after_window, conduct, follow};

use crate::support::{hold, is, lock, one_line, prepared, tell, wait_until_blocked};

const STEP: &str = "window.migrate.live.1-lms-default";

#[test]
fn a_migration_waits_for_an_idle_transaction_and_one_without_room_on_the_disk_runs_again_with_consent() {
    let stage = prepared();
    let mut idle = Some(lock(&stage, "edxapp_live.courses_enrollment"));
    let mut conductor = stage.program().start(&["window"]);
    let failed = follow(stage.program(), &mut conductor, &tell, |progress| {
        if is(&progress["event"], "step-learned", STEP) && idle.is_some() {
            wait_until_blocked(&stage);
            let status = stage.program().run(&["status"]).ended(0);
            tell(&status);
            assert!(status.contains("migrate lms default on edxapp_live (live):"), "{status}");
            stage.database().fill_disk();
            idle = None;
        }
        false
    });
    assert!(idle.is_none(), "the migration has waited");
    assert_eq!(failed.code, 6, "{}", failed.said);
    let status = stage.program().run(&["status"]).ended(0);
    tell(&status);
    let words = one_line(&status);
    let (stuck, shown) = ("stuck at courses.0002_modes_and_certificates: ", "table courses_certificate is not");
    for wanted in
        [stuck, shown, "the database has no space left", "make room for the database", &format!("--retry {STEP}")]
    {
        assert!(words.contains(wanted), "{wanted}: {status}");
    }

    stage.database().empty_disk();
    // What was applied of it depends on where the room ended.
    stage.database().query(
        "drop table if exists edxapp_live.courses_certificate; \
         alter table edxapp_live.courses_enrollment drop column if exists mode",
    );
    let again = conduct(stage.program(), &["window", "--retry", STEP], &tell);
    tell(&again.said);
    assert_eq!(again.code, 0);
    hold(&after_window(&stage));
}
