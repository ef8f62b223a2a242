//! A conductor that is killed with -9 in each phase. The same command goes on.

use cutover_e2e::run::{after_retire, after_window};
use cutover_e2e::stage::Deployment;

use crate::support::{has_begun_job, hold, is, kill, must, next_host, planned};

/// The time in which two phases end that are begun twice, in seconds.
const UNTIL_WINDOW: i64 = 12;

#[test]
fn a_conductor_that_is_killed_in_each_phase_is_succeeded_by_the_same_command() {
    let stage = planned(Deployment::small(), UNTIL_WINDOW);
    let visitors = stage.visitors();
    kill(&stage, "announce", |event| is(event, "step-learned", "announce.page"));
    must(&stage, &["announce"]);
    kill(&stage, "prepare", |event| is(event, "step-learned", "prepare.launch."));
    must(&stage, &["prepare"]);
    let _ = next_host(&stage);

    kill(&stage, "window", |event| has_begun_job(event, "window.migrate."));
    let status = stage.program().run(&["status"]).ended(0);
    assert!(status.contains("gone") && status.contains("cutover window campus.toml"), "{status}");
    must(&stage, &["window"]);
    hold(&after_window(&stage));

    kill(&stage, "retire", |event| event["event"] == "gate-decided");
    must(&stage, &["retire"]);
    hold(&after_retire(&stage));
    let _ = next_host(&stage);
    let [visitors, _] = cutover_e2e::run::Visitors::of(&visitors.leave());
    assert_eq!(visitors.error, 0, "{visitors:?}");
}
