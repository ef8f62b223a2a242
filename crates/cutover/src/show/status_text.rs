//! Where an upgrade is, in at most 80 columns: the most important facts first, the command to type last.

use std::collections::BTreeMap;

use cutover_core::plan::Phase;
use cutover_core::status::{
    BackStatus, ByHand, ConductorState, FailedStep, PhaseState, PhaseStatus, RunningStep, Status, WindowStatus,
    safe_start, until_words,
};
use cutover_core::time::{between, human};
use cutover_core::words::some_of;
use jiff::Timestamp;

use super::attention::{
    edited, failed, gate, journal_missing, left_out, left_to_do, old_code, stopped, suspended, unwritable,
};
use super::rows;
use super::text::{WIDTH, count, hang};

/// `status` for people.
#[must_use]
pub fn status_text(status: &Status) -> String {
    let mut parts: Vec<String> = status.damage.iter().map(|damage| incomplete(status, damage)).collect();
    parts.push(headline(status));
    // What waits for a person comes before everything that only informs.
    parts.extend(journal_missing(status));
    parts.extend(unwritable(status));
    parts.extend(suspended(status));
    parts.extend(status.gates.iter().map(|waiting| gate(status, waiting)));
    parts.extend(status.failed.iter().map(failed));
    parts.extend(old_code(status));
    parts.extend(rows::attention(status));
    parts.extend(stopped(status));
    parts.extend(left_out(status));
    parts.extend(left_to_do(status));
    parts.extend(edited(status));
    parts.extend([head(status), phases(status)]);
    parts.extend(start(status));
    parts.extend(window(status));
    parts.extend(held(status));
    parts.extend(running(status));
    parts.extend(next(status));
    parts.extend(command(status));
    parts.join("\n\n") + "\n"
}

/// The damage comes before everything that could be read, because that may be out of date.
fn incomplete(status: &Status, damage: &str) -> String {
    let known = match status.updated_at {
        Some(at) => format!(
            "This shows what could be read, up to {}. Nobody knows what has happened since then.",
            status.clock.show(at)
        ),
        None => "Nothing about this upgrade could be read. This does not mean that nothing has happened.".to_owned(),
    };
    let advice = "Make the state readable before you run anything else.";
    [
        "THE STATE CANNOT BE READ COMPLETELY".to_owned(),
        hang("  ", damage, WIDTH),
        hang("", &format!("{known} {advice}"), WIDTH),
    ]
    .join("\n")
}

fn headline(status: &Status) -> String {
    if status.journal_missing_since.is_some() {
        return hang("", &format!("{} HAS BEGUN, and nobody knows how far it is", status.upgrade), WIDTH);
    }
    let verdict = match status.phases.iter().find(|phase| phase.state != PhaseState::Finished) {
        None => "has ended".to_owned(),
        Some(phase) => match phase.state {
            PhaseState::NotStarted if phase.phase == Phase::Announce && status.damage.is_some() => {
                "is in an unknown state".to_owned()
            }
            PhaseState::NotStarted if phase.phase == Phase::Announce => "has not started".to_owned(),
            PhaseState::NotStarted => format!("waits until `{}` is run", phase.phase),
            PhaseState::UnderWay => under_way(status, phase.phase),
            PhaseState::Stopped => format!("HAS STOPPED in `{}`", phase.phase),
            PhaseState::Refused => format!("WAS REFUSED in `{}`", phase.phase),
            PhaseState::Failed => format!("HAS FAILED in `{}`", phase.phase),
            PhaseState::Finished => String::new(),
        },
    };
    hang("", &format!("{} {verdict}", status.upgrade), WIDTH)
}

fn under_way(status: &Status, phase: Phase) -> String {
    match &status.conductor_state {
        ConductorState::Suspended { .. } => format!("is in `{phase}`, but its conductor IS SUSPENDED"),
        ConductorState::Stopping => format!("is in `{phase}` and WILL STOP: its conductor got a signal"),
        _ if !status.gates.is_empty() => format!("is in `{phase}` and WAITS FOR A DECISION"),
        _ => format!("is in `{phase}`"),
    }
}

fn head(status: &Status) -> String {
    let mut lines = vec![format!("It is {}.", status.clock.show(status.now))];
    if let Some(conductor) = &status.conductor {
        lines.push(hang("", &conducted(status, conductor), WIDTH));
    }
    let refused = status.phases.iter().any(|phase| phase.state == PhaseState::Refused);
    if let Some(because) = status.interrupted.as_ref().filter(|_| !refused) {
        lines.push(hang("It stopped: ", because, WIDTH));
    }
    if status.has_stopped_without_reason() {
        let words = "It stopped without a record of the reason: it was killed, its machine has ended, or it could not write \
                     to the state.";
        lines.push(hang("", words, WIDTH));
    }
    lines.join("\n")
}

fn conducted(status: &Status, conductor: &str) -> String {
    let under_way = status.phases.iter().any(|phase| phase.state == PhaseState::UnderWay);
    let state = match status.conductor_state {
        ConductorState::AtWork => ", alive",
        ConductorState::Stopping => ", alive, stopping after a signal",
        ConductorState::Suspended { .. } => ", SUSPENDED",
        ConductorState::Gone if under_way => ", NOT ALIVE",
        // It has ended normally.
        ConductorState::Gone => ", gone",
        ConductorState::Unknown => "",
    };
    let ago = status
        .updated_at
        .map_or_else(String::new, |at| format!(", last record {} ago", human(between(at, status.now))));
    format!("Conductor {conductor}{state}{ago}.")
}

fn phases(status: &Status) -> String {
    status.phases.iter().map(|phase| phase_line(status, phase)).collect::<Vec<String>>().join("\n")
}

fn phase_line(status: &Status, phase: &PhaseStatus) -> String {
    let state = match phase.state {
        PhaseState::NotStarted => "not started",
        PhaseState::UnderWay => "under way",
        PhaseState::Stopped => "STOPPED",
        PhaseState::Refused => "refused",
        PhaseState::Failed => "FAILED",
        PhaseState::Finished => "finished",
    };
    let steps =
        if phase.steps == 0 { String::new() } else { format!("{} of {}", phase.done, count(phase.steps, "step")) };
    let times = match (phase.started_at, phase.finished_at) {
        (Some(started), Some(finished)) => {
            format!("{}, took {}", status.clock.show(started), human(between(started, finished)))
        }
        (Some(started), None) => format!("{}, {} ago", status.clock.show(started), human(between(started, status.now))),
        _ => String::new(),
    };
    format!("  {:<9} {state:<9} {steps:<16} {times}", phase.phase).trim_end().to_owned()
}

fn start(status: &Status) -> Option<String> {
    let start = status.start.as_ref()?;
    let clock = status.clock;
    let when = match status.now < start.start {
        true => format!("in {}", human(between(status.now, start.start))),
        false => format!("{} ago", human(between(start.start, status.now))),
    };
    let safe =
        start.latest_safe.map_or_else(String::new, |latest| format!("; {}", safe_start(latest, status.now, clock)));
    let (from, to) = (clock.show(start.start), clock.show_beside(start.start, start.end));
    let (before, after) = if start.is_announced { ("announced ", "") } else { ("", ", NOT ANNOUNCED") };
    Some(hang("Window   ", &format!("{before}from {from} ({when}) to {to}{after}{safe}"), WIDTH))
}

fn window(status: &Status) -> Option<String> {
    let clock = |moment: Timestamp| status.clock.show_beside(status.now, moment);
    if let Some(down) = &status.downtime {
        let (from, to) = (status.clock.show(down.from), status.clock.show_beside(down.from, down.to));
        return Some(hang(
            "Down     ",
            &format!("{}, from {from} to {to}: {}", human(down.length), down.verdict()),
            WIDTH,
        ));
    }
    let window = status.window.as_ref()?;
    let down = match window.down_since {
        Some(since) => format!("{} since {}", human(window.elapsed), clock(since)),
        None => "not yet".to_owned(),
    };
    let mut lines = vec![
        hang("Down     ", &down, WIDTH),
        hang(
            "To come  ",
            &format!(
                "{}, until {}; {} {}: {}",
                human(window.remaining),
                clock(window.expected_end),
                until_words(window.is_announced),
                clock(window.end),
                window.verdict()
            ),
            WIDTH,
        ),
    ];
    lines.extend(status.back.as_ref().map(|back| way_back(status, back, window)));
    Some(lines.join("\n"))
}

/// How many hosts are named on which something stays held back.
const HELD_NAMED: usize = 3;

/// What stays as it is on current hosts that are kept.
fn held(status: &Status) -> Option<String> {
    if status.held.is_empty() {
        return None;
    }
    let names: Vec<String> = status.held.iter().map(|host| host.host.to_string()).collect();
    let mut items: Vec<&str> = status.held.iter().flat_map(|host| &host.held_back).map(String::as_str).collect();
    items.sort_unstable();
    items.dedup();
    let frozen = status.held.iter().any(|host| host.is_frozen).then_some("what `freeze` froze");
    let what: Vec<&str> = items.into_iter().chain(frozen).collect();
    let has_ended = |phase: &PhaseStatus| phase.phase == Phase::Window && phase.state == PhaseState::Finished;
    let until = match status.phases.iter().any(has_ended) {
        true => "until these hosts are terminated, since it could start old code on migrated databases",
        false => {
            "by steps that are not in the plan any more, so nothing puts it back: put the keys into the file again, and run the \
             phase with --replan, or put it back by hand on the way back"
        }
    };
    let words = format!("on {} {until}: {}", some_of(&names, HELD_NAMED), what.join(", "));
    Some(hang("Held     ", &words, WIDTH))
}

fn way_back(status: &Status, back: &BackStatus, window: &WindowStatus) -> String {
    let to_undo = format!("{} to undo, {}", count(back.steps, "step"), human(back.length));
    let in_time = if window.is_announced { "as announced" } else { "in time" };
    let words = match window.abort_by {
        _ if !back.impossible.is_empty() => "NO WAY BACK".to_owned(),
        _ if back.steps == 0 => "nothing to undo yet".to_owned(),
        None => to_undo,
        Some(by) if by < status.now => format!("{to_undo}; already too late to end {in_time}"),
        Some(by) => format!("{to_undo}; decide by {} to end {in_time}", status.clock.show_beside(status.now, by)),
    };
    let reasons = back.impossible.iter();
    let reasons = reasons.map(|no| hang("         ", &format!("{}: {}", no.lane, no.because), WIDTH));
    // While a conductor is at work, nobody goes back.
    let lines = std::iter::once(hang("Back     ", &words, WIDTH)).chain(reasons).chain(undone(back, !status.conducted));
    lines.collect::<Vec<_>>().join("\n")
}

/// How many hosts are named on which something is typed.
const HOSTS_NAMED: usize = 20;

/// How many groups of steps to undo are listed.
const UNDONE: usize = 16;

/// What would be undone, in its order, with what to type for it; nothing if there is no way back.
fn undone(back: &BackStatus, by_hand: bool) -> Vec<String> {
    if !back.impossible.is_empty() {
        return Vec::new();
    }
    let shown = if by_hand { back.list.len() } else { back.list.len().min(UNDONE) };
    let lines = back.list[..shown].iter().flat_map(|group| {
        let title = hang("         undo: ", &format!("{} ({})", group.title, group.lane), WIDTH);
        let commands = group.by_hand.iter().filter(|_| by_hand).flat_map(typed);
        std::iter::once(title).chain(commands)
    });
    let mut lines: Vec<String> = lines.collect();
    let more = back.list.len() - shown;
    lines.extend((more > 0).then(|| format!("         and {more} more")));
    lines
}

/// What to type, and where. A command is never wrapped, so that it can be copied.
fn typed(by_hand: &ByHand) -> Vec<String> {
    let hosts: Vec<String> = by_hand.on.iter().map(ToString::to_string).collect();
    let place = match hosts.is_empty() {
        true => "type, with your credentials for AWS:".to_owned(),
        false => format!("type as root on {}:", some_of(&hosts, HOSTS_NAMED)),
    };
    let commands = by_hand.commands.iter().map(|command| format!("         {command}"));
    std::iter::once(hang("           ", &place, WIDTH)).chain(commands).collect()
}

/// Steps under way, with similar steps on one line.
fn running(status: &Status) -> Option<String> {
    let groups = running_groups(&status.running);
    let lines = groups.iter().map(|((lane, title), steps)| {
        let words = format!("{title} ({lane}): {}", how_long(status, steps));
        let migration = steps.iter().filter_map(|step| step.migration.as_ref());
        let migration = migration.flat_map(|progress| {
            let words = std::iter::once(progress.words(status.now)).chain(progress.warning.clone());
            words.map(|words| hang("         ", &words, WIDTH))
        });
        let trouble = steps.iter().filter_map(|step| {
            let trouble = step.trouble.as_ref()?;
            Some(hang("         ", &format!("{}, attempt {}, {trouble}", step.title, step.attempt), WIDTH))
        });
        let word = if status.conducted { "now      " } else { "started  " };
        std::iter::once(hang(word, &words, WIDTH)).chain(migration).chain(trouble).collect::<Vec<String>>().join("\n")
    });
    (!groups.is_empty()).then(|| lines.collect::<Vec<String>>().join("\n"))
}

/// Steps under way by lane and title, with similar steps together.
pub(super) fn running_groups<'a>(
    steps: impl IntoIterator<Item = &'a RunningStep>,
) -> BTreeMap<(&'a str, &'a str), Vec<&'a RunningStep>> {
    let mut groups: BTreeMap<(&str, &str), Vec<&RunningStep>> = BTreeMap::new();
    for step in steps {
        groups.entry((&step.lane, &step.group)).or_default().push(step);
    }
    groups
}

/// How long similar steps have been under way. Without a conductor nobody knows their state.
pub(super) fn how_long(status: &Status, steps: &[&RunningStep]) -> String {
    let elapsed = steps.iter().map(|step| step.elapsed).max().unwrap_or_default();
    let until = steps.iter().find_map(|step| step.until);
    match (until, status.conducted) {
        (Some(_), false) => return "waits again when the phase is run again".to_owned(),
        (Some(until), true) => return format!("{} to go", human(between(status.now, until))),
        (None, false) => {
            let ago = human(elapsed);
            return format!("{ago} ago, outcome not known; observed again when the phase is run again");
        }
        (None, true) => {}
    }
    let expected = steps.iter().map(|step| step.expected).max().unwrap_or_default();
    let limit = steps.iter().map(|step| step.limit).max().unwrap_or_default();
    let number = if steps.len() > 1 { format!("{} under way, ", steps.len()) } else { String::new() };
    let late = if elapsed > expected { ", LONGER THAN EXPECTED" } else { "" };
    format!("{number}{} of {}, limit {}{late}", human(elapsed), human(expected), human(limit))
}

/// How many groups of steps that can start next are shown.
const NEXT: usize = 5;

fn next(status: &Status) -> Option<String> {
    let mut lines: Vec<String> = status
        .next
        .iter()
        .take(NEXT)
        .map(|next| {
            let length = if next.expected.is_zero() { String::new() } else { format!(": {}", human(next.expected)) };
            hang("next     ", &format!("{} ({}){length}", next.title, next.lane), WIDTH)
        })
        .collect();
    let more = status.next.len().saturating_sub(NEXT);
    lines.extend((more > 0).then(|| format!("         and {more} more")));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Whether nothing goes on without an operator's consent to this step.
const fn needs_consent(step: &FailedStep) -> bool {
    step.lacks_snapshot || step.retry_command.is_some()
}

fn command(status: &Status) -> Option<String> {
    if status.damage.is_some() || status.journal_missing_since.is_some() {
        return None;
    }
    if let Some(retire) = &status.once_served_command {
        return Some(format!(
            "All next hosts of a balancer are gone, so nothing is retired: the current hosts may\nbe the way back. Once the \
             sites are served again:\n  {retire}"
        ));
    }
    Some(match (&status.next_command, &status.move_command) {
        (Some(late), Some(announce)) => format!(
            "Too late to end in time. To move the window, edit `start` and `length` under\n[window] in the file, then:\n  \
             {announce}\nTo send visitors to the maintenance page now, all the same:\n  {late}"
        ),
        (Some(command), None) => format!("Type:    {command}"),
        (None, _) if status.edited.as_ref().is_some_and(|edited| edited.put_back.is_some()) => {
            "Nothing to type before the file is put back: see EDITED above.".to_owned()
        }
        (None, _) if status.edited.is_some() && !status.gates.is_empty() => {
            "Nothing to type before it is decided which plan is meant: see EDITED above.".to_owned()
        }
        (None, _) if status.phases.iter().all(|phase| phase.state == PhaseState::Finished) => {
            let and = if status.left_to_do.is_empty() { "." } else { " but what is said under TO DO." };
            format!("Nothing is left to do{and}")
        }
        (None, _) if status.failed.iter().any(needs_consent) && status.resume_command.is_none() => {
            "Nothing to type without your consent: see FAILED above.".to_owned()
        }
        (None, _) if status.resume_command.is_none() && status.conductor_state.lives() == Some(false) => {
            "Nothing to type: no command goes on from here, and nobody conducts the\nupgrade. What is said under FAILED and \
             Back is to be done by hand."
                .to_owned()
        }
        (None, _) => match &status.resume_command {
            Some(resume) => format!("Nothing to type until it has stopped. To go on then:\n  {resume}"),
            None => "Nothing to type: the upgrade goes on by itself.".to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cutover_core::deployment::Cloud;
    use cutover_core::journal::{Decision, Event, Fact, OldCode, Upgrade};
    use cutover_core::plan::Order;
    use cutover_core::status::{HeldHost, StatusInputs};
    use cutover_core::time::later;

    use super::*;
    use crate::show::testing::{self, assert_fits};

    fn status(upgrade: &Upgrade, minutes: u64) -> Status {
        let deployment = testing::deployment();
        let now = later(deployment.window.start.timestamp, Duration::from_secs(60 * minutes));
        Status::of(StatusInputs {
            upgrade,
            deployment: &deployment,
            file: "mitx.toml",
            now,
            conductor: &ConductorState::Unknown,
            damage: None,
        })
    }

    /// The upgrade this many minutes after the window's start, if everything goes as expected.
    fn at(minutes: u64) -> Upgrade {
        let deployment = testing::deployment();
        let journal =
            testing::journal(&deployment, &[Phase::Announce, Phase::Prepare, Phase::Window], Order::Overlapped);
        testing::fold(&testing::until(&deployment, &journal, Duration::from_secs(60 * minutes)))
    }

    #[test]
    fn what_stays_held_back_is_one_entry_however_many_hosts_it_concerns() {
        let mut status = status(&at(600), 600);
        assert_eq!(held(&status), None);
        let held_back = vec!["/etc/cron.d/edxapp".to_owned(), "edx-nightly.timer".to_owned()];
        let host = |number| HeldHost {
            host: format!("edx-{number}").into(),
            held_back: held_back.clone(),
            is_frozen: number == 1,
        };
        status.held = (0..5).map(host).collect();
        let text = held(&status).expect("it is shown");
        assert_fits(&text, WIDTH);
        insta::assert_snapshot!(text, @r"
        Held     on edx-0, edx-1, edx-2 and 2 more until these hosts are terminated,
                 since it could start old code on migrated databases:
                 /etc/cron.d/edxapp, edx-nightly.timer, what `freeze` froze
        ");
    }

    fn failed_migration() -> Upgrade {
        let mut upgrade = at(10);
        let now = later(testing::deployment().window.start.timestamp, Duration::from_secs(700));
        let step = testing::step_id(
            &upgrade.run_of(Phase::Window).expect("it was begun").plan,
            "window.migrate.residential-live.1",
        );
        let error =
            "exit status 1 from edxapp-migrate-lms: (1060, \"Duplicate column name 'external_key'\")".to_owned();
        let (host, job) = ("edx-0".into(), "edxapp-migrate-lms".into());
        let begun = Fact::Job { host, job, started: true };
        let (host, job) = ("edx-0".into(), "edxapp-migrate-lms".into());
        let facts = vec![begun, Fact::JobFailed { host, job }];
        for event in [
            Event::StepLearned { step: step.clone(), facts },
            Event::StepFailed { step, error, in_doubt: false, changed_nothing: false },
        ] {
            upgrade.apply(now, &event).expect("it may fail");
        }
        upgrade
    }

    #[test]
    fn what_was_in_doubt_once_and_was_found_out_is_not_offered_to_be_accepted() {
        let mut upgrade = at(10);
        let now = later(testing::deployment().window.start.timestamp, Duration::from_secs(700));
        let step = testing::step_id(
            &upgrade.run_of(Phase::Window).expect("it was started").plan,
            "window.migrate.residential-live.1",
        );
        let lost = Event::StepInDoubt { step: step.clone(), error: "lost".to_owned() };
        upgrade.apply(now, &lost).expect("it may be in doubt");
        let failed = |in_doubt| Event::StepFailed {
            step: step.clone(),
            error: "no".to_owned(),
            in_doubt,
            changed_nothing: false,
        };
        let choices = |event: &Event| {
            let mut upgrade = upgrade.clone();
            upgrade.apply(now, event).expect("it may fail");
            let failed = status(&upgrade, 12).failed.remove(0);
            (failed.retry_command.is_some(), failed.accept_command.is_some())
        };
        assert_eq!(choices(&failed(false)), (true, false));
        assert_eq!(choices(&failed(true)), (true, true));
    }

    #[test]
    fn before_the_upgrade_the_status_shows_the_first_command() {
        let status = status(&Upgrade::default(), 0);
        insta::assert_snapshot!(status_text(&status));
        assert_eq!(status.next_command.as_deref(), Some("cutover announce mitx.toml"));
    }

    #[test]
    fn in_the_window_the_status_shows_what_runs_and_what_going_back_would_mean() {
        insta::assert_snapshot!(status_text(&status(&at(3), 3)));
    }

    #[test]
    fn once_a_migration_has_started_there_is_no_way_back() {
        let status = status(&at(10), 10);
        assert!(!status.back.as_ref().expect("in the window").impossible.is_empty());
        insta::assert_snapshot!(status_text(&status));
    }

    #[test]
    fn an_upgrade_that_nobody_conducts_is_not_said_to_go_on_by_itself() {
        let words = |conductor_state| {
            let mut status = Status { next_command: None, conductor_state, ..status(&failed_migration(), 12) };
            status.failed[0].retry_command = None;
            command(&status).expect("a line about commands")
        };
        assert!(
            words(ConductorState::Gone).contains("no command goes on from here"),
            "{}",
            words(ConductorState::Gone)
        );
        assert!(words(ConductorState::AtWork).contains("goes on by itself"), "{}", words(ConductorState::AtWork));
    }

    #[test]
    fn old_code_on_a_migrated_schema_is_named_with_hosts_programs_and_times() {
        let mut status = status(&at(30), 30);
        assert_eq!(old_code(&status), None);
        let found = |host: &str, programs: &[&str]| OldCode {
            at: status.now,
            host: host.into(),
            programs: programs.iter().map(|name| (*name).into()).collect(),
        };
        status.old_code = vec![found("edx-0", &["cms", "lms"]), found("edx-worker-0", &["edxapp_worker"])];
        let text = status_text(&status);
        for words in
            ["OLD CODE old code was found running", "cms, lms on edx-0, found ", "edxapp_worker on edx-worker-0, "]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn what_only_people_can_do_is_named() {
        let mut status = status(&at(30), 30);
        status.left_to_do = vec!["edx-0 will boot without cms, lms: autostart is off".to_owned()];
        let text = status_text(&status);
        assert!(text.contains("\nTO DO    edx-0 will boot without cms, lms: autostart is off\n"), "{text}");
        status.next_command = None;
        status.gates.clear();
        status.phases.iter_mut().for_each(|phase| phase.state = PhaseState::Finished);
        let text = status_text(&status);
        assert!(text.contains("Nothing is left to do but what is said under TO DO."), "{text}");
    }

    #[test]
    fn a_waiting_gate_shows_its_checklist_and_the_command_to_type() {
        let status = status(&at(30), 30);
        assert_eq!(status.next_command.as_deref(), Some("cutover approve mitx.toml manual-checks --by NAME"));
        insta::assert_snapshot!(status_text(&status));
    }

    #[test]
    fn a_failed_migration_says_that_the_page_must_stay_up() {
        let status = status(&failed_migration(), 12);
        assert_eq!(status.next_command, None, "every run would find it failed");
        let retry = "cutover window mitx.toml --retry window.migrate.residential-live.1-lms-default";
        assert_eq!(status.failed[0].retry_command.as_deref(), Some(retry));
        insta::assert_snapshot!(status_text(&status));
    }

    #[test]
    fn a_conductor_that_is_not_alive_means_that_the_phase_has_stopped() {
        let (deployment, upgrade) = (testing::deployment(), at(10));
        let now = later(deployment.window.start.timestamp, Duration::from_secs(700));
        let inputs = StatusInputs {
            upgrade: &upgrade,
            deployment: &deployment,
            file: "f",
            now,
            conductor: &ConductorState::Gone,
            damage: None,
        };
        let status = Status::of(inputs);
        assert_eq!(status.phases[2].state, PhaseState::Stopped);
        assert_eq!(status.next_command.as_deref(), Some("cutover window f"));
    }

    #[test]
    fn without_a_conductor_no_limit_of_a_step_is_shown() {
        let (deployment, upgrade) = (testing::deployment(), at(10));
        let now = later(deployment.window.start.timestamp, Duration::from_secs(7 * 3600));
        let inputs = StatusInputs {
            upgrade: &upgrade,
            deployment: &deployment,
            file: "f",
            now,
            conductor: &ConductorState::Gone,
            damage: None,
        };
        let text = status_text(&Status::of(inputs));
        assert!(text.contains("outcome not known"), "{text}");
        assert!(!text.contains("LONGER THAN EXPECTED"), "{text}");
        assert_fits(&text, WIDTH);
    }

    /// The decision before the window, refused.
    fn refused() -> Upgrade {
        let deployment = testing::deployment();
        let journal =
            testing::journal(&deployment, &[Phase::Announce, Phase::Prepare, Phase::Window], Order::Overlapped);
        let opened = |record: &cutover_core::journal::Record| matches!(&record.events[0], Event::GateOpened { gate } if gate.as_str() == "go");
        let index = journal.iter().position(opened).expect("a gate");
        let mut upgrade = testing::fold(&journal[..=index]);
        let at = journal[index].at;
        let Event::GateOpened { gate } = journal[index].events[0].clone() else { panic!("a gate") };
        let step = testing::step_id(&upgrade.run_of(Phase::Window).expect("it was begun").plan, "window.gate");
        let note = Some("not before the exam".to_owned());
        let decision = Decision { gate, approved: false, by: "bob".to_owned(), at, note, plan: None };
        let error = "bob refused at gate go: not before the exam".to_owned();
        for event in [
            Event::GateDecided { decision, object: None },
            Event::StepFailed { step, error, in_doubt: false, changed_nothing: false },
            Event::Interrupted { because: "a step failed".to_owned() },
        ] {
            upgrade.apply(at, &event).expect("it may happen");
        }
        upgrade
    }

    #[test]
    fn a_refusal_is_no_failure_and_does_not_mention_a_page_that_is_not_up() {
        let text = status_text(&status(&refused(), 0));
        assert!(!text.contains("FAILED") && !text.contains("page:"), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_gate_that_waits_past_the_latest_safe_start_shows_how_late_it_is() {
        let mut upgrade = refused();
        let run = upgrade.runs.last_mut().expect("the window");
        run.steps.retain(|step, _| !step.as_str().starts_with("window.gate"));
        upgrade.interrupted = None;
        let text = status_text(&status(&upgrade, 100));
        assert!(text.contains("latest safe start was"), "{text}");
        assert!(text.contains("LATE BY"), "{text}");
    }

    #[test]
    fn damage_comes_first_and_no_command_is_offered() {
        let deployment = testing::deployment();
        let damage = Some("journal/00000042.json in state is damaged or was written by something else: EOF");
        for upgrade in [at(10), refused(), Upgrade::default()] {
            let now = deployment.window.start.timestamp;
            let inputs = StatusInputs {
                upgrade: &upgrade,
                deployment: &deployment,
                file: "mitx.toml",
                now,
                conductor: &ConductorState::Unknown,
                damage,
            };
            let status = Status::of(inputs);
            let text = status_text(&status);
            assert!(text.starts_with("THE STATE CANNOT BE READ COMPLETELY\n  journal/00000042.json"), "{text}");
            assert!(!text.contains("cutover ") && !text.contains("has not started"), "{text}");
            assert_fits(&text, WIDTH);
            let json = serde_json::to_string(&status).expect("JSON");
            assert!(json.starts_with(r#"{"damage":"journal/00000042.json"#) && !json.contains("cutover "), "{json}");
        }
        let inputs = StatusInputs {
            upgrade: &at(10),
            deployment: &deployment,
            file: "mitx.toml",
            now: deployment.window.start.timestamp,
            conductor: &ConductorState::Unknown,
            damage,
        };
        insta::assert_snapshot!(status_text(&Status::of(inputs)));
    }

    #[test]
    fn before_the_window_the_status_shows_its_start() {
        let text = status_text(&status(&Upgrade::default(), 0));
        assert!(text.contains("Window   from 2021-01-04 04:00:00 -05:00"), "{text}");
        assert!(text.contains("NOT ANNOUNCED"), "{text}");
        let deployment = testing::deployment();
        let announced = testing::fold(&testing::journal(&deployment, &[Phase::Announce], Order::Overlapped));
        let text = status_text(&status(&announced, 0));
        assert!(text.contains("Window   announced from 2021-01-04 04:00:00 -05:00"), "{text}");
    }

    #[test]
    fn the_downtime_is_shown_after_the_window_too() {
        let text = status_text(&status(&at(90), 90));
        assert!(text.contains("Down     34m 43s, from 2021-01-04 04:00:00 -05:00 to 04:34:43: 1h 25m less"), "{text}");
        assert!(text.contains("announced"), "{text}");
        let mut deployment = testing::deployment();
        deployment.window.length = Some("3h".parse().expect("a span"));
        let (upgrade, file, conductor) = (at(90), "f", &ConductorState::Gone);
        let now = later(deployment.window.start.timestamp, Duration::from_secs(90 * 60));
        let inputs = StatusInputs { upgrade: &upgrade, deployment: &deployment, file, now, conductor, damage: None };
        let text = status_text(&Status::of(inputs)).split_whitespace().collect::<Vec<&str>>().join(" ");
        assert!(text.contains("less than the 3h in the file"), "edited after it was announced: {text}");
    }

    #[test]
    fn a_moment_on_another_day_is_shown_with_its_date() {
        let mut deployment = testing::deployment();
        deployment.window.length = Some("30h".parse().expect("a span"));
        let now = later(deployment.window.start.timestamp, Duration::from_secs(600));
        let (upgrade, conductor) = (at(10), &ConductorState::Unknown);
        let inputs =
            StatusInputs { upgrade: &upgrade, deployment: &deployment, file: "f", now, conductor, damage: None };
        let text = status_text(&Status::of(inputs));
        assert!(text.contains("the file says until 2021-01-05 10:00:00:"), "visitors were told another end: {text}");
        assert!(text.contains("until 04:34:43;"), "today needs no date: {text}");
    }

    #[test]
    fn what_waits_for_a_person_comes_before_everything_that_informs() {
        let text = |upgrade: &Upgrade| status_text(&status(upgrade, 25));
        for (upgrade, word) in [(at(30), "\nDECIDE   "), (failed_migration(), "\nFAILED   ")] {
            let text = text(&upgrade);
            let place = text.find(word).unwrap_or_else(|| panic!("{text}"));
            assert!(place < text.find("It is 2021").expect("the time") && text[..place].lines().count() == 1, "{text}");
        }
    }

    #[test]
    fn the_way_back_is_listed_in_its_order() {
        let text = status_text(&status(&at(5), 5));
        let undone: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("         undo: ")).collect();
        let place =
            |word: &str| undone.iter().position(|line| line.starts_with(word)).unwrap_or_else(|| panic!("{text}"));
        assert!(place("stop services on") < place("point "), "what was done last is undone first: {text}");
        assert!(undone.iter().any(|line| line.ends_with("(residential-live)")), "{text}");
    }

    #[test]
    fn where_nobody_is_at_work_the_way_back_says_what_to_type_for_each_step() {
        let (upgrade, mut deployment) = (at(5), testing::deployment());
        deployment.cloud = Cloud::Aws;
        let now = later(deployment.window.start.timestamp, Duration::from_secs(300));
        let show = |conductor: &ConductorState| {
            let file = "mitx.toml";
            let inputs =
                StatusInputs { upgrade: &upgrade, deployment: &deployment, file, now, conductor, damage: None };
            status_text(&Status::of(inputs))
        };
        assert!(!show(&ConductorState::AtWork).contains("type as root"));
        let text = show(&ConductorState::Gone);
        let (_, back) = text.split_once("\nBack     ").expect("it is there");
        let lines = back.lines().skip(1).take_while(|line| line.starts_with("         "));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn where_only_a_snapshot_leads_back_its_name_is_shown() {
        let text = status_text(&status(&failed_migration(), 12));
        assert!(text.contains("cutover-mitx-test-koa-v4-20210104t0900-window-mitx-rds-mysql"), "{text}");
    }

    #[test]
    fn a_step_past_its_expected_time_stands_out() {
        assert!(status_text(&status(&at(10), 30)).contains("LONGER THAN EXPECTED"));
    }

    #[test]
    fn no_line_of_a_status_is_longer_than_80_columns() {
        for deployment in testing::examples() {
            let journal = testing::journal(&deployment, &Phase::ALL, Order::Overlapped);
            for minutes in (0..60).step_by(3) {
                let upgrade = testing::fold(&testing::until(&deployment, &journal, Duration::from_secs(60 * minutes)));
                let now = later(deployment.window.start.timestamp, Duration::from_secs(60 * minutes));
                let inputs = StatusInputs {
                    upgrade: &upgrade,
                    deployment: &deployment,
                    file: "mitx.toml",
                    now,
                    conductor: &ConductorState::AtWork,
                    damage: None,
                };
                assert_fits(&status_text(&Status::of(inputs)), WIDTH);
            }
        }
    }

    #[test]
    fn the_json_counts_seconds_and_names_states() {
        let json = serde_json::to_value(status(&at(10), 10)).expect("JSON");
        assert_eq!(json["phases"][2]["state"], "under-way");
        assert_eq!(json["window"]["elapsed_seconds"], 600.0);
        assert_eq!(json["running"][0]["expected_seconds"], 960.0);
    }
}
