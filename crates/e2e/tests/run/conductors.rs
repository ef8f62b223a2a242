//! Two conductors of one window.

use cutover_e2e::run::{after_window, conduct, follow};
use cutover_e2e::stage::Stage;

use crate::support::{has_begun_job, hold, lock, one_line, prepared, signal, tell};

#[test]
fn a_second_conductor_is_kept_out_and_one_that_takes_over_a_suspended_one_ends_the_window_in_its_place() {
    let stage = prepared();
    // The migration waits for it, and with it the window.
    let mut idle = Some(lock(&stage, "edxapp_live.courses_enrollment"));
    let mut conductor = stage.program().start(&["window"]);
    let process = conductor.process();
    let mut second = None;
    let first = follow(stage.program(), &mut conductor, &tell, |progress| {
        if second.is_none() && has_begun_job(&progress["event"], "window.migrate.live.1") {
            assert!(kept_out(&stage).contains("conducts this upgrade: its process is on this machine"));
            signal("STOP", process);
            let words = kept_out(&stage);
            assert!(words.contains("is suspended: it does nothing until it is woken"), "{words}");
            let (_, holder) = words.split_once("add this to your command: --take-over ").expect("it says what to add");
            idle = None;
            second = Some(conduct(stage.program(), &["window", "--take-over", holder.trim()], &tell));
            signal("CONT", process);
        }
        false
    });
    let second = second.expect("the migration has begun");
    tell(&second.said);
    assert_eq!(second.code, 0, "{}", second.said);
    tell(&first.said);
    assert_eq!(first.code, 5, "it was taken over: {}", first.said);
    hold(&after_window(&stage));
    let ran = "select count(*) from edxapp_live.django_migrations where name like '0002_modes%'";
    assert_eq!(stage.database().query(ran), "1", "nothing ran twice");
}

/// What a further conductor is told, in one line.
#[track_caller]
fn kept_out(stage: &Stage) -> String {
    let refused = conduct(stage.program(), &["window"], &tell);
    tell(&refused.said);
    assert_eq!(refused.code, 5, "{}", refused.said);
    one_line(&refused.said)
}
