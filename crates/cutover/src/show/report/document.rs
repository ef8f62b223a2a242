//! The report of an upgrade in Markdown: what was done, when, by whose decision, and what visitors saw. It can also be
//! made while the upgrade runs.

use cutover_core::journal::{
    LateRequests, Run, Upgrade, critical_path, downtime_began, gates_and_migrations, remaining, window_length,
};
use cutover_core::names::InstanceId;
use cutover_core::plan::{Action, Phase};
use cutover_core::planner::is_announced;
use cutover_core::status::{Downtime, Evidence, until_words};
use cutover_core::time::{between, human};
use cutover_core::words::grouped;
use jiff::Timestamp;

use super::checks::checks;
use super::decisions::decisions;
use super::never::never;
use super::parts::{ReportInputs, item, paragraph, section};
use super::trouble::trouble;
use crate::show::dns;
use crate::show::gantt;
use crate::show::migrations::migrations;
use crate::show::rows;
use crate::show::soak;
use crate::show::strip;
use crate::show::summary::axis_ends;
use crate::show::text::{WIDTH, count, hang, prose};

/// Columns for labels and for time in code blocks, with a space between them.
const LABEL: usize = 40;
const TIME: usize = 39;
const COLUMNS: strip::Columns = strip::Columns { label: LABEL, time: TIME };

/// The report as Markdown.
#[must_use]
pub fn report(inputs: ReportInputs<'_>) -> String {
    let mut parts = vec![outcome(inputs), phases(inputs)];
    if let Some(run) = inputs.upgrade.run_of(Phase::Window) {
        parts.extend(window(inputs, run));
    }
    let evidence = Evidence::of(inputs.records);
    parts.extend(dns::report(&evidence.dns, inputs.clock()));
    parts.extend(late_requests(&evidence.late_requests));
    parts.extend(checks(&evidence.checks, inputs.clock()));
    parts.extend(soak::report(inputs.upgrade));
    parts.push(visitors(inputs));
    parts.push(section("Decisions", &decisions(inputs), "Nobody has decided anything yet."));
    parts.push(format!("## Migrations\n\n{}", migrations(inputs.upgrade)));
    parts.extend(rows::report(inputs.upgrade));
    parts.push(section("What was created and removed", &resources(inputs.upgrade), "Nothing yet."));
    parts.push(section("Trouble", &trouble(inputs), "None: no call failed, was in doubt or was repeated."));
    parts.push(never(inputs));
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<String>>().join("\n\n") + "\n"
}

/// What a report begins with if the state could not be read completely because of this `damage`.
#[must_use]
pub fn damaged(damage: &str) -> String {
    let words = "**The state cannot be read completely**:";
    let quoted = hang("", &format!("{words} {}. The report shows what could be read.", prose(damage)), WIDTH - 2);
    quoted.lines().map(|line| format!("> {line}")).collect::<Vec<String>>().join("\n")
}

fn outcome(inputs: ReportInputs<'_>) -> String {
    let upgrade = inputs.upgrade;
    let unfinished = Phase::ALL.into_iter().find(|phase| !upgrade.finished(*phase));
    let failed = upgrade.current_run().and_then(|run| run.failed().next());
    let words = match (unfinished, failed, &upgrade.interrupted) {
        (None, ..) => "The upgrade has ended: all its phases have succeeded.".to_owned(),
        (Some(phase), Some((step, error)), _) if matches!(step.action, Action::Decide(_)) => {
            format!("The upgrade was refused in `{phase}`, at \"{}\": {}", prose(&step.title), prose(error))
        }
        (Some(phase), Some((step, error)), _) => {
            format!("The upgrade has failed in `{phase}`, at \"{}\": {}", prose(&step.title), prose(error))
        }
        (Some(phase), None, Some(because)) => {
            format!("The upgrade has stopped in `{phase}`: {}", prose(because))
        }
        (Some(phase), None, None) if upgrade.run_of(phase).is_some() => format!("The upgrade is in `{phase}`."),
        (Some(phase), None, None) => format!("The upgrade waits until `{phase}` is run."),
    };
    let release = &inputs.deployment.release;
    let last = upgrade.updated_at.map_or_else(String::new, |at| format!(" Last record: {}.", inputs.clock().show(at)));
    let about = format!(
        "{} moves from {} (release {}) to {} (release {}).{last}",
        inputs.deployment.name, release.current_codename, release.current_version, release.codename, release.version
    );
    format!("# Upgrade {}\n\n{}\n\n{}", inputs.deployment.upgrade(), paragraph(&words), paragraph(&about))
}

fn phases(inputs: ReportInputs<'_>) -> String {
    let rows = Phase::ALL.iter().map(|phase| match inputs.upgrade.run_of(*phase) {
        None => format!("| {phase} | not started | | |"),
        Some(run) => {
            let done = run.runs().filter(|(_, step)| step.status.is_done()).count();
            let took = match run.finished_at {
                Some(ended) => human(between(run.started_at, ended)),
                None => format!("not ended; about {} to come", human(remaining(run, last(inputs, run)))),
            };
            format!(
                "| {phase} | {} | {took} | {done} of {} |",
                inputs.clock().show(run.started_at),
                run.plan.steps.len()
            )
        }
    });
    let head = ["| phase | started | took | steps done |".to_owned(), "|---|---|---|---|".to_owned()];
    format!("## Phases\n\n{}", head.into_iter().chain(rows).collect::<Vec<String>>().join("\n"))
}

fn last(inputs: ReportInputs<'_>, run: &Run) -> Timestamp {
    inputs.upgrade.updated_at.unwrap_or(run.started_at)
}

fn window(inputs: ReportInputs<'_>, run: &Run) -> Option<String> {
    let (from, to) = axis_ends(run, inputs.upgrade)?;
    let bars = gantt::gantt(run, from, to, LABEL, TIME);
    let parts = [
        "## The window".to_owned(),
        paragraph(&downtime(inputs, run)),
        format!("```text\n{bars}\n\n{}\n```", gantt::LEGEND),
        critical(run),
    ];
    Some(parts.join("\n\n"))
}

fn downtime(inputs: ReportInputs<'_>, run: &Run) -> String {
    let (clock, ReportInputs { upgrade, deployment, .. }) = (inputs.clock(), inputs);
    let Some(from) = downtime_began(run) else { return "The maintenance page is not up yet.".to_owned() };
    match Downtime::of(run, upgrade, deployment) {
        Some(down) => format!(
            "Down from {} to {}: {}, {}.",
            clock.show(from),
            clock.show_beside(from, down.to),
            human(down.length),
            down.verdict()
        ),
        None => {
            let ends = clock.show_beside(from, deployment.window.ends().timestamp);
            let until = until_words(is_announced(upgrade, deployment));
            format!("Down since {}; {until} {ends}. It is still under way.", clock.show(from))
        }
    }
}

fn critical(run: &Run) -> String {
    let path = critical_path(run);
    let lines = path.steps.iter().filter_map(|(id, took)| {
        // A milestone takes no time: it only joins the steps before and after it.
        let step = run.plan.step(id).filter(|step| step.action != Action::Milestone)?;
        let (took, planned) = (human(*took), human(step.expected));
        let planned = if planned == took { String::new() } else { format!(", {planned} expected") };
        Some(item(&format!("{took}{planned}: {} ({})", prose(&step.title), step.lane)))
    });
    let kind = if window_length(run).is_some() { "took" } else { "take, with the expected times of the rest," };
    let head = format!(
        "The steps that determined its length {kind} {}, {} of it for gates and migrations:",
        human(path.length),
        human(gates_and_migrations(run))
    );
    format!("### Critical path\n\n{}\n\n{}", paragraph(&head), lines.collect::<Vec<String>>().join("\n"))
}

/// What still arrived at current hosts; nothing if the file does not say how that is counted.
fn late_requests(counted: &[LateRequests]) -> Option<String> {
    let about = LateRequests::words(counted)?;
    let unknown = counted.iter().filter_map(|counted| Some((&counted.host, counted.unknown_because.as_ref()?)));
    let unknown: Vec<String> = unknown.map(|(host, why)| item(&format!("{host}: {}", prose(why)))).collect();
    let about =
        paragraph(&format!("When the services of {} were told to stop: {about}.", count(counted.len(), "host")));
    let unknown = if unknown.is_empty() { String::new() } else { format!("\n\n{}", unknown.join("\n")) };
    Some(format!("## Requests at current hosts\n\n{about}{unknown}"))
}

fn visitors(inputs: ReportInputs<'_>) -> String {
    let Some(visitors) = inputs.visitors else { return String::new() };
    let strips = inputs.upgrade.run_of(Phase::Window).and_then(|run| axis_ends(run, inputs.upgrade));
    let strips = strips.map_or_else(String::new, |(from, to)| {
        format!("```text\n{}\n\n{}\n```\n\n", strip::strips(visitors, from, to, COLUMNS), strip::LEGEND)
    });
    let words = format!(
        "{} visits saw the site, {} the maintenance page and {} an error. Behind resolvers that ignore TTLs, {} more saw an error.",
        grouped(visitors.site),
        grouped(visitors.maintenance),
        grouped(visitors.error),
        grouped(visitors.error_stale_resolver)
    );
    format!("## What visitors saw\n\n{strips}{}", paragraph(&words))
}

fn resources(upgrade: &Upgrade) -> Vec<String> {
    let images = upgrade.images.iter().map(|(name, id)| format!("image {name} ({id})"));
    let snapshots = upgrade.snapshots.iter().map(|(id, database)| format!("snapshot {id} of {database}"));
    let launched = upgrade.launched.iter().map(|(name, id)| format!("launched {name} ({id})"));
    let name = |instance: &InstanceId| {
        let captured = upgrade.captured.iter().flatten().find(|host| host.instance == *instance);
        captured.map_or_else(|| instance.to_string(), |host| format!("{} ({instance})", host.name))
    };
    let terminated = upgrade.terminated.iter().map(|instance| format!("terminated {}", name(instance)));
    images.chain(snapshots).chain(launched).chain(terminated).collect()
}
