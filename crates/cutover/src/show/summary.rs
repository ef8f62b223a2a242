//! The result of a rehearsal: as data, and as a page of text.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{
    Run, Upgrade, critical_lines, critical_path, downtime_began, gates_and_migrations, window_length,
};
use cutover_core::names::{GateName, StepId, UpgradeId};
use cutover_core::plan::{Line, Order, Phase};
use cutover_core::time::{between, human, later, rounded_seconds};
use cutover_rehearsal::{Violation, VisitorReport};
use jiff::Timestamp;
use serde::Serialize;

use super::forecast::chain;
use super::strip::{self, VisitorCounts};
use super::text::{WIDTH, count, hang};

/// The width of the visitors' strips.
const COLUMNS: strip::Columns = strip::Columns { label: 16, time: 60 };

/// How a rehearsal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All phases have succeeded, and nothing happened that must never happen.
    Completed,
    /// Not all phases have succeeded.
    Failed,
    /// Something happened that must never happen.
    Violated,
}

/// A violation: something that must never happen, and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// When.
    pub at: Timestamp,
    /// The invariant that was violated.
    pub invariant: String,
    /// What happened.
    pub detail: String,
    /// The steps that were under way then.
    pub during: Vec<StepId>,
}

impl Broken {
    /// `violation` with the steps that were under way according to the journal.
    #[must_use]
    pub fn of(violation: &Violation, upgrade: &Upgrade) -> Self {
        let at = violation.at;
        let runs = upgrade.last_runs().flat_map(Run::runs);
        let during = runs.filter(|(_, run)| {
            run.started_at.is_some_and(|started| started <= at) && run.ended_at.is_none_or(|ended| ended >= at)
        });
        let during = during.map(|(step, _)| step.id.clone()).collect();
        Self { at, invariant: violation.invariant.words().to_owned(), detail: violation.detail.clone(), during }
    }
}

/// The length of a phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseLength {
    /// The phase.
    pub name: Phase,
    /// The time from its start to its end, or to the last record.
    pub seconds: f64,
    /// How many steps its plan has.
    pub steps: usize,
}

/// The time that the critical path spent on a line of the runbook.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineLength {
    /// The line.
    pub line: Line,
    /// The time.
    pub seconds: f64,
}

/// A decision and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateAnswer {
    /// The gate.
    pub gate: GateName,
    /// Whether it was approved.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A rehearsal, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rehearsal {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed; nothing if it did not.
    pub failure: Option<String>,
    /// Which upgrade was rehearsed.
    pub upgrade: UpgradeId,
    /// The seed with which it can be repeated.
    pub seed: u64,
    /// The order of the steps.
    pub order: Order,
    /// How many steps were planned, in all phases.
    pub steps: usize,
    /// The time from the first change of DNS until the last site was served again; nothing if that never happened.
    pub window_seconds: Option<f64>,
    /// The length of the chain of steps that determined this.
    pub critical_path_seconds: Option<f64>,
    /// The part of that chain for people's decisions and migrations.
    pub gates_and_migrations_seconds: Option<f64>,
    /// The length of the window in the file.
    pub whole_window_seconds: f64,
    /// Whether the window ended within that length.
    pub fits: bool,
    /// What visitors saw.
    pub visitors: VisitorCounts,
    /// The violations of the invariants.
    pub violations: Vec<Broken>,
    /// The phases that were started.
    pub phases: Vec<PhaseLength>,
    /// Where the time of the window went, by the runbook's lines.
    pub critical_path: Vec<LineLength>,
    /// The decisions.
    pub gates: Vec<GateAnswer>,
}

impl Rehearsal {
    /// The rehearsal whose journal led to `upgrade`.
    #[must_use]
    pub fn of(
        upgrade: &Upgrade,
        deployment: &Deployment,
        seed: u64,
        order: Order,
        visitors: &VisitorReport,
        violations: &[Violation],
    ) -> Self {
        let completed = Phase::ALL.iter().all(|phase| upgrade.finished(*phase));
        let window = upgrade.run_of(Phase::Window).filter(|run| window_length(run).is_some());
        let answers = upgrade.decisions.values().map(|decision| GateAnswer {
            gate: decision.gate.clone(),
            approved: decision.approved,
            by: decision.by.clone(),
            at: decision.at,
        });
        let mut gates: Vec<GateAnswer> = answers.collect();
        gates.sort_by_key(|gate| gate.at);
        Self {
            outcome: match (violations.is_empty(), completed) {
                (false, _) => Outcome::Violated,
                (true, true) => Outcome::Completed,
                (true, false) => Outcome::Failed,
            },
            failure: if completed { None } else { Some(failure(upgrade)) },
            upgrade: deployment.upgrade(),
            seed,
            order,
            steps: upgrade.last_runs().map(|run| run.plan.steps.len()).sum(),
            window_seconds: window.and_then(window_length).map(rounded_seconds),
            critical_path_seconds: window.map(|run| rounded_seconds(critical_path(run).length)),
            gates_and_migrations_seconds: window.map(|run| rounded_seconds(gates_and_migrations(run))),
            whole_window_seconds: rounded_seconds(deployment.window.whole_length()),
            fits: window.and_then(window_length).is_some_and(|length| length <= deployment.window.whole_length()),
            visitors: visitors.into(),
            violations: violations.iter().map(|violation| Broken::of(violation, upgrade)).collect(),
            phases: upgrade.last_runs().map(|run| phase_length(run, upgrade)).collect(),
            critical_path: window.map(line_lengths).unwrap_or_default(),
            gates,
        }
    }
}

fn failure(upgrade: &Upgrade) -> String {
    let failed = upgrade.last_runs().flat_map(Run::failed).next();
    let failed = failed.map(|(step, error)| format!("{}: {error}", step.title));
    failed.or_else(|| upgrade.interrupted.clone()).unwrap_or_else(|| "not all phases were run".to_owned())
}

fn phase_length(run: &Run, upgrade: &Upgrade) -> PhaseLength {
    let end = run.finished_at.or(upgrade.updated_at).unwrap_or(run.started_at);
    let seconds = rounded_seconds(between(run.started_at, end));
    PhaseLength { name: run.plan.phase, seconds, steps: run.plan.steps.len() }
}

fn line_lengths(run: &Run) -> Vec<LineLength> {
    let lines = critical_lines(run).into_iter();
    lines.map(|(line, length)| LineLength { line, seconds: rounded_seconds(length) }).collect()
}

/// The rehearsal as text of at most 80 columns and about 30 lines. `visitors` are those of the whole rehearsal; their
/// strips show only the window.
#[must_use]
pub fn summary_text(
    rehearsal: &Rehearsal,
    upgrade: &Upgrade,
    deployment: &Deployment,
    visitors: &VisitorReport,
) -> String {
    let mut parts = vec![head(rehearsal), phases(rehearsal)];
    parts.extend(window(rehearsal));
    parts.extend(strips(upgrade, visitors));
    parts.push(strip::counts(rehearsal.visitors));
    parts.push(violations(rehearsal, deployment));
    parts.join("\n\n") + "\n"
}

fn head(rehearsal: &Rehearsal) -> String {
    let word = match rehearsal.outcome {
        Outcome::Completed if rehearsal.fits => "COMPLETED",
        Outcome::Completed => "COMPLETED, BUT LONGER THAN THE WINDOW",
        Outcome::Failed => "FAILED",
        Outcome::Violated => "SOMETHING HAPPENED THAT MUST NEVER HAPPEN",
    };
    let facts = format!("{} order, {}, seed {}", rehearsal.order, count(rehearsal.steps, "step"), rehearsal.seed);
    let mut lines = vec![hang("", &format!("Rehearsal of {}: {word}", rehearsal.upgrade), WIDTH), facts];
    lines.extend(rehearsal.failure.as_ref().map(|failure| hang("failed: ", failure, WIDTH)));
    lines.join("\n")
}

fn phases(rehearsal: &Rehearsal) -> String {
    let phases = rehearsal.phases.iter().map(|phase| {
        let length = human(seconds(phase.seconds));
        format!("  {:<9} {length:>8}  {}", phase.name, count(phase.steps, "step"))
    });
    phases.collect::<Vec<String>>().join("\n")
}

fn window(rehearsal: &Rehearsal) -> Option<String> {
    let length = seconds(rehearsal.window_seconds?);
    let path = seconds(rehearsal.critical_path_seconds?);
    let fixed = seconds(rehearsal.gates_and_migrations_seconds?);
    let whole = seconds(rehearsal.whole_window_seconds);
    let verdict = match whole.checked_sub(length) {
        Some(spare) => format!("{} to spare", human(spare)),
        None => format!("{} TOO LONG", human(length.saturating_sub(whole))),
    };
    let lines = rehearsal.critical_path.iter().map(|part| (part.line, seconds(part.seconds)));
    let path = format!("{}, of which gates and migrations {}: {}", human(path), human(fixed), chain(lines));
    let mut parts = vec![
        hang("Window     ", &format!("{} down of {}: {verdict}", human(length), human(whole)), WIDTH),
        hang("Critical   ", &path, WIDTH),
    ];
    if !rehearsal.gates.is_empty() {
        parts.push(hang("Gates      ", &gates(&rehearsal.gates), WIDTH));
    }
    Some(parts.join("\n"))
}

/// The decisions by person: `approved by Alex Doe: go, manual-checks`.
fn gates(gates: &[GateAnswer]) -> String {
    let mut answers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for gate in gates {
        let word = if gate.approved { "approved" } else { "REFUSED" };
        answers.entry(format!("{word} by {}", gate.by)).or_default().push(gate.gate.as_str());
    }
    let answers = answers.iter().map(|(answer, gates)| format!("{answer}: {}", gates.join(", ")));
    answers.collect::<Vec<String>>().join("; ")
}

/// What visitors saw from the first change of DNS until a little after the last site was served again.
fn strips(upgrade: &Upgrade, visitors: &VisitorReport) -> Option<String> {
    let run = upgrade.run_of(Phase::Window)?;
    let (from, to) = axis_ends(run, upgrade)?;
    if visitors.timelines.is_empty() {
        return None;
    }
    Some(format!("{}\n{}", strip::strips(visitors, from, to, COLUMNS), strip::LEGEND))
}

/// The ends of a time axis of the window: from the first change of DNS until a little after the last site was
/// served again, or until the last record.
pub(super) fn axis_ends(run: &Run, upgrade: &Upgrade) -> Option<(Timestamp, Timestamp)> {
    let from = downtime_began(run)?;
    let to = match window_length(run) {
        Some(length) => later(from, length + length / 12),
        None => upgrade.updated_at.filter(|at| *at > from)?,
    };
    Some((from, to))
}

fn violations(rehearsal: &Rehearsal, deployment: &Deployment) -> String {
    if rehearsal.violations.is_empty() {
        return "Nothing happened that must never happen.".to_owned();
    }
    let mut lines = vec![format!("{}:", count(rehearsal.violations.len(), "violation"))];
    lines.extend(rehearsal.violations.iter().take(5).map(|broken| {
        let at = deployment.window.start.show(broken.at);
        let during: Vec<&str> = broken.during.iter().take(2).map(StepId::as_str).collect();
        let during = if during.is_empty() { String::new() } else { format!(" (during {})", during.join(", ")) };
        hang("  ", &format!("{at} {}: {}{during}", broken.invariant, broken.detail), WIDTH)
    }));
    if rehearsal.violations.len() > 5 {
        lines.push(format!("  and {} more", rehearsal.violations.len() - 5));
    }
    lines.join("\n")
}

/// A length of time, given in seconds.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use cutover_rehearsal::Invariant;

    use super::*;
    use crate::show::testing::{self, assert_fits};

    fn upgrade(deployment: &Deployment, phases: &[Phase]) -> Upgrade {
        testing::fold(&testing::journal(deployment, phases, Order::Overlapped))
    }

    fn rehearsal(deployment: &Deployment, upgrade: &Upgrade, violations: &[Violation]) -> Rehearsal {
        Rehearsal::of(upgrade, deployment, 7, Order::Overlapped, &testing::visitors(deployment), violations)
    }

    #[test]
    fn a_completed_rehearsal_is_shown_as_one_page() {
        let deployment = testing::deployment();
        let upgrade = upgrade(&deployment, &Phase::ALL);
        let text = summary_text(
            &rehearsal(&deployment, &upgrade, &[]),
            &upgrade,
            &deployment,
            &testing::visitors(&deployment),
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_summary_fits_on_a_screen_for_the_real_sites() {
        for deployment in testing::examples() {
            let upgrade = upgrade(&deployment, &Phase::ALL);
            let rehearsal = rehearsal(&deployment, &upgrade, &[]);
            let text = summary_text(&rehearsal, &upgrade, &deployment, &testing::visitors(&deployment));
            assert_fits(&text, WIDTH);
            assert!(text.lines().count() <= 34, "{text}");
        }
    }

    #[test]
    fn a_violation_determines_the_outcome() {
        let deployment = testing::deployment();
        let upgrade = upgrade(&deployment, &Phase::ALL);
        let at = later(deployment.window.start.timestamp, Duration::from_secs(600));
        let invariant = Invariant::OldProcessOnMigratedSchema;
        let rehearsal =
            rehearsal(&deployment, &upgrade, &[Violation { at, invariant, detail: "lms on i-1".to_owned() }]);
        let during = &rehearsal.violations[0].during;
        assert!(during.iter().any(|step| step.as_str().starts_with("window.migrate")), "{during:?}");
        assert_eq!(rehearsal.outcome, Outcome::Violated);
        let text = summary_text(&rehearsal, &upgrade, &deployment, &testing::visitors(&deployment));
        assert_fits(&text, WIDTH);
        assert!(text.contains("1 violation:"), "{text}");
    }

    #[test]
    fn the_first_line_says_if_the_window_is_too_short() {
        let mut deployment = testing::deployment();
        let upgrade = upgrade(&deployment, &Phase::ALL);
        assert!(rehearsal(&deployment, &upgrade, &[]).fits);
        deployment.window.length = Some("30m".parse().expect("a span"));
        let rehearsal = rehearsal(&deployment, &upgrade, &[]);
        assert!(!rehearsal.fits);
        let text = summary_text(&rehearsal, &upgrade, &deployment, &testing::visitors(&deployment));
        assert!(text.lines().next().is_some_and(|line| line.ends_with("BUT LONGER THAN THE WINDOW")), "{text}");
        assert_fits(&text, WIDTH);
    }

    #[test]
    fn a_rehearsal_without_its_last_phase_has_failed() {
        let deployment = testing::deployment();
        let rehearsal = rehearsal(&deployment, &upgrade(&deployment, &[Phase::Announce, Phase::Prepare]), &[]);
        assert_eq!((rehearsal.outcome, rehearsal.window_seconds), (Outcome::Failed, None));
        assert!(rehearsal.failure.is_some());
    }

    #[test]
    fn the_json_has_the_agreed_fields() {
        let deployment = testing::deployment();
        let rehearsal = rehearsal(&deployment, &upgrade(&deployment, &Phase::ALL), &[]);
        let json = serde_json::to_value(&rehearsal).expect("JSON");
        assert_eq!(json["outcome"], "completed");
        assert_eq!(json["order"], "overlapped");
        assert_eq!(json["window_seconds"], json["critical_path_seconds"]);
        assert_eq!(json["phases"][0]["name"], "announce");
        for field in ["seed", "steps", "violations", "gates_and_migrations_seconds"] {
            assert!(!json[field].is_null(), "{field}");
        }
        for field in ["site", "maintenance", "error", "error_stale_resolver"] {
            assert!(json["visitors"][field].is_u64(), "{field}");
        }
    }
}
