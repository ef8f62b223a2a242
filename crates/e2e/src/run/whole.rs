//! All phases, with visitors throughout.

use std::collections::BTreeSet;

use serde_json::Value;

use super::outcome::{Hosts, Line, Outcome, Tasks, Visitors};
use super::phase::{Phase, Tell, conduct, follow};
use super::runbook;
use crate::fork::UPSTREAM_RELEASE;
use crate::stage::{BRANCH, Deployment, Stage};
use crate::visitors::{Mishap, Seen};

/// The time until the window starts, in seconds: enough for `prepare` on a busy computer, so that nothing is late; and what it takes
/// besides to build images.
const UNTIL_WINDOW: i64 = 45;
const BUILDS: i64 = 38;

/// What makes the release branch of the team's patches on the old release, on top of upstream's next one.
const COMMANDS: [&[&str]; 3] = [
    &["branch", "rebase", "--branch", "campus/juniper", "--as", BRANCH, "--onto", UPSTREAM_RELEASE],
    &["branch", "verify", "--branch", BRANCH],
    &["branch", "publish", "--branch", BRANCH],
];

/// The tasks that workers get right before they are to stop, in seconds each.
const TASKS_SECONDS: [u32; 2] = [6, 2];

/// Furnishes a deployment, upgrades it, and tells what came of it.
///
/// # Panics
/// When a part of it does not start.
#[must_use]
pub fn run(deployment: Deployment, tell: Tell<'_>) -> Outcome {
    tell("furnishing the account, the servers and the current hosts");
    let stage = Stage::furnish(deployment);
    upgrade(&stage, tell)
}

/// Upgrades a deployment.
///
/// # Panics
/// When the program cannot be started.
#[must_use]
pub fn upgrade(stage: &Stage, tell: Tell<'_>) -> Outcome {
    tell("visitors come");
    let visitors = stage.visitors();
    let before = applied(stage);
    let builds = stage.deployment().builds_images();
    stage.plan_window(if builds { UNTIL_WINDOW + BUILDS } else { UNTIL_WINDOW });
    let (mut window, mut forecast) = (Phase::default(), 0.0);
    let (mut as_runbook, mut tasks) = (Vec::new(), Tasks::default());
    let mut failure = if builds { publish(stage, tell).err() } else { None };
    if builds {
        as_runbook.push(runbook::after_publish(stage));
    } else {
        tell("the images of the next release exist beforehand: these hosts cannot be made images of");
    }
    let phases: &[&str] = if failure.is_none() { &["announce", "check", "prepare", "window", "retire"] } else { &[] };
    for phase in phases.iter().copied() {
        tell(&format!("cutover {phase}"));
        if phase == "window" {
            forecast = expected(stage);
        }
        let ran = perform(stage, phase, &mut tasks, &mut as_runbook, tell);
        if phase == "prepare" && builds {
            as_runbook.extend(runbook::after_prepare(stage));
        }
        if phase == "window" {
            as_runbook.extend(runbook::after_window(stage));
            window = ran.clone();
        }
        if ran.code != 0 {
            failure = Some(format!("`{phase}` ended with {}: {}", ran.code, ran.said));
            break;
        }
    }
    as_runbook.extend(runbook::after_retire(stage));
    let seen = visitors.leave();
    tasks.done = stage.graded();
    mishaps(&seen, tell);
    let [visitors, stale_visitors] = Visitors::of(&seen);
    let count = stage.deployment().hosts();
    Outcome {
        outcome: failure
            .or_else(|| differs(&as_runbook))
            .or_else(|| (tasks.done < tasks.submitted).then(|| "tasks were lost".to_owned()))
            .or_else(|| (visitors.error > 0).then(|| format!("visitors saw {} errors", visitors.error)))
            .unwrap_or_else(|| "succeeded".to_owned()),
        hosts: Hosts { current: count, next: count },
        kind: stage.kind().name().to_owned(),
        visitors,
        stale_visitors,
        forecast_seconds: forecast,
        measured_seconds: measured(&window).unwrap_or(0.0),
        tasks,
        migrations: applied(stage).difference(&before).cloned().collect(),
        as_runbook,
    }
}

/// Makes the release branch of the next release, accounts for its patches, and publishes it.
///
/// # Errors
/// What the program says when it refuses.
pub fn publish(stage: &Stage, tell: Tell<'_>) -> Result<(), String> {
    for words in COMMANDS {
        tell(&format!("cutover {}", words.join(" ")));
        let ran = stage.program().run(words);
        tell(&ran.out);
        if ran.code != 0 {
            return Err(format!("`{}` ended with {}: {}{}", words.join(" "), ran.code, ran.out, ran.err));
        }
    }
    Ok(())
}

/// Tells what visitors should not have seen. What one has seen again and again is told once.
fn mishaps(seen: &Seen, tell: Tell<'_>) {
    let key = |one: &Mishap| (one.habit, one.site.clone(), one.what.clone());
    let mut left: Vec<&Mishap> = seen.mishaps.iter().collect();
    while let Some(first) = left.first().copied() {
        let (same, others): (Vec<&Mishap>, Vec<&Mishap>) = left.into_iter().partition(|one| key(one) == key(first));
        let last = same.last().map_or(first.after, |last| last.after).as_secs_f64();
        let (begin, count) = (first.after.as_secs_f64(), same.len());
        let Mishap { habit, site, what, .. } = first;
        tell(&format!("{count} x, {begin:.1} s to {last:.1} s after they came: {habit:?} at {site}: {what}"));
        left = others;
    }
}

fn perform(stage: &Stage, phase: &str, tasks: &mut Tasks, as_runbook: &mut Vec<Line>, tell: Tell<'_>) -> Phase {
    let opens = |progress: &Value| progress["event"]["step"] == "window.open";
    match phase {
        "check" => check(stage, tell),
        "window" => follow(stage.program(), &mut stage.program().start(&[phase]), tell, |progress| {
            if opens(progress) && tasks.submitted == 0 {
                tasks.submitted = stage.submit(&TASKS_SECONDS);
            }
            if progress["event"]["event"] == "gate-opened" && progress["event"]["gate"] == "manual-checks" {
                as_runbook.push(runbook::at_manual_tests(stage));
            }
            false
        }),
        _ => conduct(stage.program(), &[phase], tell),
    }
}

fn check(stage: &Stage, tell: Tell<'_>) -> Phase {
    let checked = stage.program().run(&["check"]);
    tell(&checked.out);
    Phase { progress: Vec::new(), code: checked.code, said: checked.out + &checked.err }
}

/// Which line of the runbook does not hold, if one does not.
fn differs(lines: &[Line]) -> Option<String> {
    lines.iter().find(|line| !line.holds).map(|line| format!("not as the runbook asks for: {}", line.line))
}

/// How long the window is expected to take, in seconds.
fn expected(stage: &Stage) -> f64 {
    let plan = stage.program().run(&["plan", "--phase", "window", "--json"]);
    let plan: Value = serde_json::from_str(&plan.out).unwrap_or_default();
    plan["plans"][0]["expected_seconds"].as_f64().unwrap_or(0.0)
}

/// How long the window took, as the plan counts it: from the first change of DNS until all sites are served again. The soak comes
/// after that.
fn measured(window: &Phase) -> Option<f64> {
    Some(window.end_of_all("window.served.")? - window.start_of("window.page.")?)
}

/// The migrations that the databases have on record.
fn applied(stage: &Stage) -> BTreeSet<String> {
    let schemas = stage
        .database()
        .query("select table_schema from information_schema.tables where table_name = 'django_migrations'");
    let of = |schema: &str| {
        let listed = stage.database().query(&format!("select app, name from `{schema}`.django_migrations"));
        listed.lines().map(|line| format!("{schema} {}", line.replace('\t', " "))).collect::<Vec<_>>()
    };
    schemas.lines().flat_map(of).collect()
}
