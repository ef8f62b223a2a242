//! What the tests of upgrades have in common.

use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use cutover_e2e::run::{Phase, conduct, follow};
use cutover_e2e::servers::Session;
use cutover_e2e::stage::{Deployment, Stage};
use cutover_e2e::waiting::until;
use serde_json::Value;

/// When the first thing was told.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Tells what happens in the output of a test, and when.
#[expect(clippy::print_stdout, reason = "it is shown if the test fails")]
pub(crate) fn tell(line: &str) {
    println!("{:>6.1}s  {line}", BEGIN.elapsed().as_secs_f64());
}

/// A deployment whose window starts in so many seconds.
pub(crate) fn planned(deployment: Deployment, in_seconds: i64) -> Stage {
    tell("furnishing");
    let stage = Stage::furnish(deployment);
    stage.plan_window(in_seconds);
    stage
}

/// A small deployment after its first two phases. Its window starts soon after them.
#[track_caller]
pub(crate) fn prepared() -> Stage {
    prepared_of(Deployment::small())
}

/// The same for this deployment.
#[track_caller]
pub(crate) fn prepared_of(deployment: Deployment) -> Stage {
    let stage = planned(deployment, UNTIL_WINDOW);
    must(&stage, &["announce"]);
    must(&stage, &["prepare"]);
    stage
}

/// The time in which the first two phases end on a busy computer, in seconds.
const UNTIL_WINDOW: i64 = 6;

/// Keeps a table from being changed. Ends with the session.
pub(crate) fn lock(stage: &Stage, table: &str) -> Session {
    stage.database().session(&format!("begin; select count(*) from {table}"))
}

/// Runs a phase, which must end well.
#[track_caller]
pub(crate) fn must(stage: &Stage, words: &[&str]) -> Phase {
    let phase = conduct(stage.program(), words, &tell);
    assert_eq!(phase.code, 0, "{words:?}: {}", phase.said);
    phase
}

/// Runs a phase, and kills it as by `kill -9` at the first event for which `when` is true.
#[track_caller]
pub(crate) fn kill(stage: &Stage, phase: &str, when: impl Fn(&Value) -> bool) {
    let mut conductor = stage.program().start(&[phase]);
    let ran = follow(stage.program(), &mut conductor, &tell, |progress| when(&progress["event"]));
    assert_eq!(ran.code, -1, "{phase} has ended before it was killed: {}", ran.said);
}

/// Whether an event is of that kind, about a step whose name begins so.
pub(crate) fn is(event: &Value, kind: &str, step: &str) -> bool {
    event["event"] == kind && event["step"].as_str().is_some_and(|name| name.starts_with(step))
}

/// Whether an event tells that the job of a step whose name begins so runs. A conductor that ends right before that leaves open whether
/// its call still arrives, which the next one waits for: 40 s.
pub(crate) fn has_begun_job(event: &Value, step: &str) -> bool {
    let runs = |fact: &Value| fact["fact"] == "job" && fact["started"] == true;
    is(event, "step-learned", step) && event["facts"].as_array().is_some_and(|facts| facts.iter().any(runs))
}

/// A text in one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether progress is about a step whose name begins so.
pub(crate) fn is_about(progress: &Value, step: &str) -> bool {
    progress["step"].as_str().is_some_and(|name| name.starts_with(step))
}

/// Checks that the lines of the runbook hold.
#[track_caller]
pub(crate) fn hold(lines: &[cutover_e2e::run::Line]) {
    for line in lines {
        assert!(line.holds, "{}: {}", line.line, line.seen);
    }
}

/// The instance of the only next host.
#[track_caller]
pub(crate) fn next_host(stage: &Stage) -> String {
    let next: Vec<_> = stage.moto().living().into_iter().filter(|one| one.version == "4").collect();
    assert_eq!(next.len(), 1, "{next:?}");
    next[0].id.clone()
}

/// Waits until a migration waits for a table that somebody has locked.
#[track_caller]
pub(crate) fn wait_until_blocked(stage: &Stage) {
    let waiting = "select count(*) from information_schema.processlist where state = 'Waiting for table metadata lock'";
    let blocked = || (stage.database().query(waiting) != "0").then_some(());
    assert!(until(Duration::from_secs(60), blocked).is_some(), "no migration waits for a lock");
}

/// Sends a signal, such as `STOP`.
#[track_caller]
pub(crate) fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().expect("kill");
    assert!(sent.success());
}
