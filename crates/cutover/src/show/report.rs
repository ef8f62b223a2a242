//! The report of an upgrade in Markdown: what was done, when, by whose decision, and what visitors saw. It can also be
//! made while the upgrade runs.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::deployment::Deployment;
use cutover_core::journal::{
    Event, Fact, Record, Run, Upgrade, critical_path, downtime_began, gates_and_migrations, remaining, unseen, warning,
    window_length,
};
use cutover_core::names::{HostName, InstanceId, ProgramName, SnapshotId, StepId};
use cutover_core::plan::{Action, Phase};
use cutover_core::planner::is_announced;
use cutover_core::status::{Downtime, until_words};
use cutover_core::time::{OffsetTime, between, human};
use cutover_rehearsal::{Violation, VisitorReport};
use jiff::Timestamp;

use super::gantt;
use super::migrations::migrations;
use super::soak;
use super::strip;
use super::summary::{Broken, axis_ends};
use super::text::{WIDTH, count, grouped, hang, prose};

/// Columns for labels and for time in code blocks, with a space between them.
const LABEL: usize = 40;
const TIME: usize = 39;
const COLUMNS: strip::Columns = strip::Columns { label: LABEL, time: TIME };

/// What a report is made from.
#[derive(Clone, Copy, Debug)]
pub struct ReportInputs<'a> {
    /// The journal.
    pub records: &'a [Record],
    /// The state after the journal.
    pub upgrade: &'a Upgrade,
    /// The deployment file.
    pub deployment: &'a Deployment,
    /// What visitors saw, if that is known.
    pub visitors: Option<&'a VisitorReport>,
    /// Violations of the invariants, if they are watched. In a real account nobody watches them.
    pub violations: Option<&'a [Violation]>,
}

/// The report as Markdown.
#[must_use]
pub fn report(inputs: ReportInputs<'_>) -> String {
    let mut parts = vec![outcome(inputs), phases(inputs)];
    if let Some(run) = inputs.upgrade.run_of(Phase::Window) {
        parts.extend(window(inputs, run));
    }
    parts.extend(soak::report(inputs.upgrade));
    parts.push(visitors(inputs));
    parts.push(section("Decisions", &decisions(inputs), "Nobody has decided anything yet."));
    parts.push(format!("## Migrations\n\n{}", migrations(inputs.upgrade)));
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

fn clock(inputs: ReportInputs<'_>) -> OffsetTime {
    inputs.deployment.window.start
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
    let last = upgrade.updated_at.map_or_else(String::new, |at| format!(" Last record: {}.", clock(inputs).show(at)));
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
                clock(inputs).show(run.started_at),
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
    let (clock, ReportInputs { upgrade, deployment, .. }) = (clock(inputs), inputs);
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

fn decisions(inputs: ReportInputs<'_>) -> Vec<String> {
    let events = inputs.records.iter().flat_map(|record| record.events.iter().map(|event| (record.at, event)));
    // The hosts that the last attempt of each step could not look at: a consent goes on without them.
    let mut named: BTreeMap<&StepId, Vec<&str>> = BTreeMap::new();
    let decisions = events.filter_map(|(at, event)| match event {
        Event::GateDecided { decision, .. } => {
            let word = if decision.approved { "approved" } else { "REFUSED" };
            let note = decision.note.as_ref().map_or_else(String::new, |note| format!(": \"{}\"", prose(note)));
            let at = clock(inputs).show(decision.at);
            Some(format!("{at} `{}` {word} by {}{note}", decision.gate, prose(&decision.by)))
        }
        Event::StepRetryApproved { step, by } => {
            let hosts = named.get(step).filter(|hosts| !hosts.is_empty());
            let without = hosts.map_or_else(String::new, |hosts| format!(", without a look at {}", hosts.join(", ")));
            Some(format!("{} {} approved another attempt: {step}{without}", clock(inputs).show(at), prose(by)))
        }
        Event::StepAccepted { step, by, because } => {
            let (at, by, because) = (clock(inputs).show(at), prose(by), prose(because));
            Some(format!("{at} {by} accepted as done, \"{because}\": {step}"))
        }
        Event::StepStarted { step, .. } => {
            named.remove(step);
            None
        }
        other => {
            let hosts = unseen(other.facts()).map(HostName::as_str);
            named.entry(other.step()?).or_default().extend(hosts);
            None
        }
    });
    decisions.collect()
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

/// Everything that did not work at the first attempt, and every change of conductor.
fn trouble(inputs: ReportInputs<'_>) -> Vec<String> {
    let mut conductors = 0;
    let mut lines = Vec::new();
    for record in inputs.records {
        let at = clock(inputs).show(record.at);
        for event in &record.events {
            conductors += usize::from(matches!(event, Event::ConductorTookOver { .. }));
            lines.extend(happened(event).into_iter().map(|words| format!("{at} {words}")));
        }
    }
    if conductors > inputs.upgrade.last_runs().count() {
        lines.push(format!(
            "{} in {}",
            count(conductors, "conductor"),
            count(inputs.upgrade.last_runs().count(), "phase")
        ));
    }
    lines
}

fn happened(event: &Event) -> Vec<String> {
    match event {
        Event::StepInDoubt { step, error } => vec![format!("in doubt: {step}: {}", prose(error))],
        Event::StepRetried { step, error } => vec![format!("tried again: {step}: {}", prose(error))],
        Event::StepFailed { step, error, .. } => vec![format!("FAILED: {step}: {}", prose(error))],
        Event::Interrupted { because } => vec![format!("stopped: {}", prose(because))],
        other => other.facts().iter().filter_map(|fact| learned(other, fact)).collect(),
    }
}

/// What is trouble in a fact. One record may be about many hosts.
fn learned(event: &Event, fact: &Fact) -> Option<String> {
    match warning(fact) {
        Some(words) => Some(format!("{}: {words}", event.step()?)),
        None => killed(fact).or_else(|| ran_again(fact)).or_else(|| unknown_sessions(fact)),
    }
}

/// The text for programs that were killed.
pub(super) fn killed(fact: &Fact) -> Option<String> {
    let Fact::Killed { host, programs, tasks } = fact else { return None };
    let tasks: Vec<String> = tasks.iter().map(ToString::to_string).collect();
    let with = if tasks.is_empty() { String::new() } else { format!("; with them end the tasks {}", tasks.join(", ")) };
    Some(format!("about to be killed on {host}, after the stop limit: {}{with}", joined(programs)))
}

/// Programs, or what is left of programs that are not known.
pub(super) fn joined(programs: &[ProgramName]) -> String {
    let names: Vec<&str> = programs.iter().map(ProgramName::as_str).collect();
    if names.is_empty() { "processes that supervisor had started".to_owned() } else { names.join(", ") }
}

/// The text for programs that were running again.
pub(super) fn ran_again(fact: &Fact) -> Option<String> {
    let Fact::RanAgain { host, programs, snapshots } = fact else { return None };
    let lacking = match snapshots.is_empty() {
        true => String::new(),
        false => {
            let snapshots: Vec<&str> = snapshots.iter().map(SnapshotId::as_str).collect();
            format!("; what they wrote may be missing from {}", snapshots.join(", "))
        }
    };
    Some(format!("running again on {host} after they had been stopped: {}{lacking}", joined(programs)))
}

/// What must never happen, as far as it is known. Where nobody watches all the time, that says what was looked at.
fn never(inputs: ReportInputs<'_>) -> String {
    const TITLE: &str = "What must never happen";
    let happened: Vec<String> = old_code(inputs).into_iter().chain(broken(inputs)).collect();
    let unrelated = unrelated(inputs);
    if inputs.violations.is_some() {
        let watched = section(TITLE, &happened, "None of it happened, as far as it was watched.");
        return [watched].into_iter().chain(unrelated).collect::<Vec<String>>().join("\n\n");
    }
    let looks = looks(inputs);
    let about = match looks.is_empty() {
        true => "Nobody watches a real account all the time, and no host was looked at for old code so far.",
        false => "Nobody watches a real account all the time. Hosts were looked at for old code:",
    };
    let looks: Vec<String> = looks.iter().map(|look| item(look)).collect();
    let parts = [section(TITLE, &happened, "None of it was found."), paragraph(about), looks.join("\n")];
    parts.into_iter().chain(unrelated).filter(|part| !part.is_empty()).collect::<Vec<String>>().join("\n\n")
}

/// What went on because the deployment file lists it; nothing if nothing did.
fn unrelated(inputs: ReportInputs<'_>) -> Option<String> {
    const ABOUT: &str = "In sessions of `su` that the file lists as not belonging to the site, this went on:";
    let facts = inputs.upgrade.run_of(Phase::Window).into_iter().flat_map(Run::runs).flat_map(|(_, run)| &run.facts);
    let found = facts.filter_map(|fact| match fact {
        Fact::UnrelatedSessions { host, sessions } => Some((host, sessions)),
        _ => None,
    });
    let found: BTreeSet<String> = found
        .flat_map(|(host, sessions)| sessions.iter().map(move |session| item(&format!("{host}: {}", prose(session)))))
        .collect();
    let lines: Vec<String> = found.into_iter().collect();
    (!lines.is_empty()).then(|| [paragraph(ABOUT), lines.join("\n")].join("\n\n"))
}

/// Old code that was found on migrated schemas.
fn old_code(inputs: ReportInputs<'_>) -> Vec<String> {
    let found = inputs.upgrade.old_code.iter().map(|old| {
        format!(
            "{} old code ran on a migrated schema: {} on {} were found running after its migrations had begun. What they wrote \
             may be wrong.",
            clock(inputs).show(old.at),
            joined(&old.programs),
            old.host
        )
    });
    found.collect()
}

/// The looks of the window at hosts on which nothing may run, that have ended well.
fn looks(inputs: ReportInputs<'_>) -> Vec<String> {
    let steps = inputs.upgrade.run_of(Phase::Window).into_iter().flat_map(Run::runs);
    let looks = steps.filter(|(_, run)| run.status.is_done()).filter_map(|(step, run)| {
        let Action::ConfirmStopped { hosts, .. } = &step.action else { return None };
        let unseen: Vec<&str> = unseen(&run.facts).map(HostName::as_str).collect();
        let without = match unseen.is_empty() {
            true => String::new(),
            false => format!(", without a look at {}: an operator let it go on", unseen.join(", ")),
        };
        let (at, title) = (clock(inputs).show(run.ended_at?), prose(&step.title));
        Some(format!("{at} {title} ({}): {}{without}", step.lane, count(hosts.len(), "host")))
    });
    looks.collect()
}

/// The text for sessions that may be of programs that must be stopped.
fn unknown_sessions(fact: &Fact) -> Option<String> {
    let Fact::UnknownSessions { host, sessions } = fact else { return None };
    let sessions = sessions.iter().map(|session| prose(session)).collect::<Vec<_>>().join("; ");
    Some(format!(
        "went on on {host} in sessions that `su` had opened; if a program has started them, old code ran on: {sessions}"
    ))
}

fn broken(inputs: ReportInputs<'_>) -> Vec<String> {
    let broken = inputs.violations.into_iter().flatten().map(|violation| {
        let broken = Broken::of(violation, inputs.upgrade);
        let during: Vec<&str> = broken.during.iter().map(StepId::as_str).collect();
        let during = if during.is_empty() { String::new() } else { format!(" During {}.", during.join(", ")) };
        format!("{} {}: {}.{during}", clock(inputs).show(broken.at), prose(&broken.invariant), prose(&broken.detail))
    });
    broken.collect()
}

fn section(title: &str, lines: &[String], nothing: &str) -> String {
    let body = match lines.is_empty() {
        true => nothing.to_owned(),
        false => lines.iter().map(|line| item(line)).collect::<Vec<String>>().join("\n"),
    };
    format!("## {title}\n\n{body}")
}

fn item(text: &str) -> String {
    hang("- ", text, WIDTH)
}

fn paragraph(text: &str) -> String {
    hang("", text, WIDTH)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cutover_core::journal::OldCode;
    use cutover_core::plan::Order;
    use cutover_core::time::later;
    use cutover_rehearsal::Invariant;

    use super::*;
    use crate::show::testing;

    fn show(deployment: &Deployment, records: &[Record], violations: &[Violation]) -> String {
        let (upgrade, seen) = (testing::fold(records), testing::visitors(deployment));
        report(ReportInputs {
            records,
            upgrade: &upgrade,
            deployment,
            visitors: Some(&seen),
            violations: Some(violations),
        })
    }

    #[test]
    fn the_report_of_a_whole_upgrade_tells_the_story() {
        let deployment = testing::deployment();
        insta::assert_snapshot!(show(&deployment, &testing::journal(&deployment, &Phase::ALL, Order::Overlapped), &[]));
    }

    #[test]
    fn no_line_of_a_report_is_longer_than_80_columns() {
        for deployment in testing::examples() {
            let journal = testing::journal(&deployment, &Phase::ALL, Order::Overlapped);
            testing::assert_fits(&show(&deployment, &journal, &[]), WIDTH);
        }
        let damage = "journal/00000042.json in state is damaged or was written by something else: EOF while parsing";
        testing::assert_fits(&damaged(damage), WIDTH);
    }

    #[test]
    fn a_report_can_be_made_in_the_middle_of_the_window() {
        let deployment = testing::deployment();
        let journal =
            testing::journal(&deployment, &[Phase::Announce, Phase::Prepare, Phase::Window], Order::Overlapped);
        let mut records = testing::until(&deployment, &journal, Duration::from_secs(900));
        let at = later(deployment.window.start.timestamp, Duration::from_secs(930));
        let step = testing::step_id(
            &testing::fold(&records).run_of(Phase::Window).expect("the window").plan,
            "window.migrate.residential-live.1",
        );
        let doubt = Event::StepInDoubt { step: step.clone(), error: "connection to i-1 lost".to_owned() };
        let failed = Event::StepFailed {
            step,
            error: "exit status 1: <class 'OperationalError'>".to_owned(),
            in_doubt: false,
            changed_nothing: false,
        };
        let more = testing::records(vec![(at, doubt), (at, failed)]);
        records.extend(more);
        insta::assert_snapshot!(show(&deployment, &records, &[]));
    }

    #[test]
    fn milestones_are_not_listed() {
        let deployment = testing::deployment();
        let journal = testing::journal(&deployment, &Phase::ALL, Order::Runbook);
        let upgrade = testing::fold(&journal);
        let steps = upgrade.last_runs().flat_map(|run| &run.plan.steps);
        let milestones: Vec<_> = steps.filter(|step| step.action == Action::Milestone).collect();
        assert!(!milestones.is_empty());
        let text = show(&deployment, &journal, &[]);
        for milestone in milestones {
            assert!(!text.contains(&milestone.title), "{} in {text}", milestone.title);
        }
    }

    #[test]
    fn an_upgrade_that_has_not_started_has_a_report_too() {
        let text = show(&testing::deployment(), &[], &[]);
        assert!(text.contains("waits until `announce` is run"), "{text}");
    }

    #[test]
    fn the_report_shows_violations_with_time_and_step() {
        let deployment = testing::deployment();
        let journal = testing::journal(&deployment, &Phase::ALL, Order::Overlapped);
        let at = later(deployment.window.start.timestamp, Duration::from_secs(600));
        let detail = "edxapp_residential_live".to_owned();
        let broken = Violation { at, invariant: Invariant::TwoMigratorsOnOneSchema, detail };
        let text = show(&deployment, &journal, &[broken]);
        assert!(text.contains("- 2021-01-04 04:10:00 -05:00 two migrators run on one schema"), "{text}");
    }

    #[test]
    fn the_report_names_what_went_on_because_the_file_lists_it() {
        let deployment = testing::deployment();
        let mut records = testing::journal(&deployment, &Phase::ALL, Order::Overlapped);
        let is_stop = |event: &Event| event.step().is_some_and(|id| id.as_str().starts_with("window.stop."));
        let mut events = records.iter_mut().flat_map(|record| &mut record.events).filter(|event| is_stop(event));
        let facts = events.find_map(|event| match event {
            Event::StepDone { facts, .. } | Event::StepHeld { facts, .. } => Some(facts),
            _ => None,
        });
        let sessions = vec!["session c1: process 62 (`/opt/agent`) of user www-data".to_owned()];
        facts.expect("a stop").push(Fact::UnrelatedSessions { host: "edx-0".into(), sessions });
        let text = show(&deployment, &records, &[]).split_whitespace().collect::<Vec<&str>>().join(" ");
        assert!(
            text.contains("lists as not belonging to the site, this went on: - edx-0: session c1: process 62"),
            "{text}"
        );
    }

    /// A window in which the look before visitors come back has found old code on two hosts, and could not look at a third.
    fn with_old_code(deployment: &Deployment) -> Vec<Record> {
        let mut records = testing::journal(deployment, &Phase::ALL, Order::Overlapped);
        let is_look = |event: &Event| event.step().is_some_and(|id| id.as_str().starts_with("window.still-stopped."));
        let is_end = |event: &Event| matches!(event, Event::StepDone { .. } | Event::StepHeld { .. });
        let mut events = records.iter_mut().flat_map(|record| &mut record.events);
        let end = events.find(|event| is_look(event) && is_end(event)).expect("it is looked at");
        let (Event::StepDone { facts, .. } | Event::StepHeld { facts, .. }) = end else { panic!("it has ended") };
        let ran = |host: &str, programs: &[&str]| Fact::RanAgain {
            host: host.into(),
            programs: programs.iter().map(|name| (*name).into()).collect(),
            snapshots: Vec::new(),
        };
        facts.extend([ran("edx-0", &["cms", "lms"]), ran("edx-worker-0", &["edxapp_worker"])]);
        facts.push(Fact::Unseen { host: "edx-1".into(), why: "No route to host".to_owned() });
        records
    }

    #[test]
    fn a_report_of_a_real_account_names_all_old_code_that_was_found_and_what_was_looked_at() {
        let deployment = testing::deployment();
        let records = with_old_code(&deployment);
        let mut upgrade = testing::fold(&records);
        let at = later(deployment.window.start.timestamp, Duration::from_secs(900));
        let old_code = |host: &str, program: &str| OldCode { at, host: host.into(), programs: vec![program.into()] };
        upgrade.old_code = vec![old_code("edx-0", "lms"), old_code("edx-worker-0", "edxapp_worker")];
        let inputs = |upgrade| ReportInputs {
            records: &records,
            upgrade,
            deployment: &deployment,
            visitors: None,
            violations: None,
        };
        let text = report(inputs(&upgrade));
        let troubled = |host: &str| text.contains(&format!("running again on {host} after"));
        assert!(troubled("edx-0") && troubled("edx-worker-0"), "{text}");
        let section = text.split("## What must never happen").nth(1).expect("it is there");
        insta::assert_snapshot!(section);
        let nothing = Upgrade { old_code: Vec::new(), ..upgrade.clone() };
        let text = report(inputs(&nothing));
        assert!(text.contains("None of it was found.") && !text.contains("as far as it was watched"), "{text}");
    }

    #[test]
    fn code_blocks_are_ascii_and_only_tables_are_wider_than_100_columns() {
        for deployment in testing::examples() {
            let text = show(&deployment, &testing::journal(&deployment, &Phase::ALL, Order::Runbook), &[]);
            for line in text.lines().filter(|line| !line.starts_with('|')) {
                assert!(line.chars().count() <= WIDTH && line.is_ascii(), "{line}");
            }
        }
    }
}
