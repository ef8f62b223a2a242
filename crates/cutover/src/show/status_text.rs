//! Where an upgrade is, in at most 80 columns: what matters most at the top, the command to type at the end.

use std::collections::BTreeMap;

use cutover_core::plan::Phase;
use cutover_core::time::{between, human};
use jiff::Timestamp;

use super::status::{BackStatus, FailedStep, PhaseState, PhaseStatus, RunningStep, Status, WaitingGate};
use super::text::{WIDTH, count, hang};

/// `status` for people.
#[must_use]
pub fn status_text(status: &Status) -> String {
    let mut parts = vec![head(status), phases(status)];
    parts.extend(window(status));
    parts.extend(status.failed.iter().map(failed));
    parts.extend(status.gates.iter().map(|waiting| gate(status, waiting)));
    parts.extend(running(status));
    parts.extend(next(status));
    parts.push(command(status));
    parts.join("\n\n") + "\n"
}

fn head(status: &Status) -> String {
    let verdict = match status.phases.iter().find(|phase| phase.state != PhaseState::Finished) {
        None => "has ended".to_owned(),
        Some(phase) => match phase.state {
            PhaseState::NotBegun if phase.phase == Phase::Announce => "has not begun".to_owned(),
            PhaseState::NotBegun => format!("waits for `{}` to be run", phase.phase),
            PhaseState::UnderWay if !status.gates.is_empty() => {
                format!("is in `{}` and WAITS FOR A DECISION", phase.phase)
            }
            PhaseState::UnderWay => format!("is in `{}`", phase.phase),
            PhaseState::Stopped => format!("HAS STOPPED in `{}`", phase.phase),
            PhaseState::Failed => format!("HAS FAILED in `{}`", phase.phase),
            PhaseState::Finished => String::new(),
        },
    };
    let mut lines = vec![hang("", &format!("{} {verdict}", status.upgrade), WIDTH)];
    lines.push(format!("It is {}.", status.clock.show(status.now)));
    if let Some(conductor) = &status.conductor {
        lines.push(hang("", &conducted(status, conductor), WIDTH));
    }
    if let Some(because) = &status.interrupted {
        lines.push(hang("It stopped: ", because, WIDTH));
    }
    lines.join("\n")
}

fn conducted(status: &Status, conductor: &str) -> String {
    let under_way = status.phases.iter().any(|phase| phase.state == PhaseState::UnderWay);
    let lives = match status.conductor_lives {
        Some(true) => ", alive",
        Some(false) if under_way => ", NOT ALIVE",
        // It has ended as it should.
        Some(false) => ", gone",
        None => "",
    };
    let ago = status
        .updated_at
        .map_or_else(String::new, |at| format!(", last record {} ago", human(between(at, status.now))));
    format!("Conductor {conductor}{lives}{ago}.")
}

fn phases(status: &Status) -> String {
    status.phases.iter().map(|phase| phase_line(status, phase)).collect::<Vec<String>>().join("\n")
}

fn phase_line(status: &Status, phase: &PhaseStatus) -> String {
    let state = match phase.state {
        PhaseState::NotBegun => "not begun",
        PhaseState::UnderWay => "under way",
        PhaseState::Stopped => "STOPPED",
        PhaseState::Failed => "FAILED",
        PhaseState::Finished => "finished",
    };
    let steps = if phase.steps == 0 { String::new() } else { format!("{} of {} steps", phase.done, phase.steps) };
    let times = match (phase.started_at, phase.finished_at) {
        (Some(started), Some(finished)) => {
            format!("{}, took {}", status.clock.show(started), human(between(started, finished)))
        }
        (Some(started), None) => format!("{}, {} ago", status.clock.show(started), human(between(started, status.now))),
        _ => String::new(),
    };
    format!("  {:<9} {state:<10} {steps:<17} {times}", phase.phase).trim_end().to_owned()
}

fn window(status: &Status) -> Option<String> {
    let window = status.window.as_ref()?;
    let clock = |moment: Timestamp| status.clock.show_time(moment);
    let down = match window.down_since {
        Some(since) => format!("{} since {}", human(window.elapsed), clock(since)),
        None => "not yet".to_owned(),
    };
    let verdict = if window.in_time {
        format!("in time by {}", human(between(window.expected_end, window.announced_end)))
    } else {
        format!("LATE BY {}", human(between(window.announced_end, window.expected_end)))
    };
    let mut lines = vec![
        hang("Down     ", &down, WIDTH),
        hang(
            "To come  ",
            &format!(
                "{}, until {}; announced until {}: {verdict}",
                human(window.remaining),
                clock(window.expected_end),
                clock(window.announced_end)
            ),
            WIDTH,
        ),
    ];
    lines.extend(status.back.as_ref().map(|back| way_back(status, back, window.abort_by)));
    Some(lines.join("\n"))
}

fn way_back(status: &Status, back: &BackStatus, abort_by: Option<Timestamp>) -> String {
    let taken_back = format!("{} to take back, {}", count(back.steps, "step"), human(back.length));
    let words = match abort_by {
        _ if !back.impossible.is_empty() => "NO WAY BACK".to_owned(),
        None => taken_back,
        Some(by) if by < status.now => format!("{taken_back}; already too late to end as announced"),
        Some(by) => format!("{taken_back}; decide by {} to end as announced", status.clock.show_time(by)),
    };
    let reasons = back.impossible.iter();
    let reasons = reasons.map(|no| hang("         ", &format!("{}: {}", no.lane, no.because), WIDTH));
    std::iter::once(hang("Back     ", &words, WIDTH)).chain(reasons).collect::<Vec<String>>().join("\n")
}

fn failed(failed: &FailedStep) -> String {
    let page = match &failed.page_stays_because {
        Some(because) => format!("must stay up: {because}"),
        None => "may be lifted once what was done is taken back".to_owned(),
    };
    [
        hang("FAILED   ", &failed.title, WIDTH),
        hang("         ", &failed.error, WIDTH),
        hang("         page: ", &page, WIDTH),
        hang("         step: ", failed.step.as_str(), WIDTH),
    ]
    .join("\n")
}

fn gate(status: &Status, gate: &WaitingGate) -> String {
    let since = human(between(gate.since, status.now));
    let mut lines =
        vec![hang("DECIDE   ", &format!("{} (gate `{}`, waits for {since})", gate.question, gate.gate), WIDTH)];
    lines.extend(gate.checklist.iter().map(|item| hang("         [ ] ", item, WIDTH)));
    // A command is never broken: it is there to be copied.
    lines.push(format!("         {}", gate.command));
    lines.join("\n")
}

/// Steps under way, those like each other on one line.
fn running(status: &Status) -> Option<String> {
    let mut groups: BTreeMap<(&str, &str), Vec<&RunningStep>> = BTreeMap::new();
    for step in &status.running {
        groups.entry((&step.lane, &step.group)).or_default().push(step);
    }
    let lines = groups.iter().map(|((lane, title), steps)| {
        let elapsed = steps.iter().map(|step| step.elapsed).max().unwrap_or_default();
        let expected = steps.iter().map(|step| step.expected).max().unwrap_or_default();
        let limit = steps.iter().map(|step| step.limit).max().unwrap_or_default();
        let number = if steps.len() > 1 { format!("{} under way, ", steps.len()) } else { String::new() };
        let late = if elapsed > expected { ", LONGER THAN EXPECTED" } else { "" };
        let words = format!(
            "{title} ({lane}): {number}{} of {}, limit {}{late}",
            human(elapsed),
            human(expected),
            human(limit)
        );
        let trouble = steps.iter().filter_map(|step| {
            let trouble = step.trouble.as_ref()?;
            Some(hang("         ", &format!("{}, attempt {}, {trouble}", step.title, step.attempt), WIDTH))
        });
        std::iter::once(hang("now      ", &words, WIDTH)).chain(trouble).collect::<Vec<String>>().join("\n")
    });
    (!groups.is_empty()).then(|| lines.collect::<Vec<String>>().join("\n"))
}

fn next(status: &Status) -> Option<String> {
    let lines = status
        .next
        .iter()
        .map(|next| hang("next     ", &format!("{} ({}): {}", next.title, next.lane, human(next.expected)), WIDTH));
    (!status.next.is_empty()).then(|| lines.collect::<Vec<String>>().join("\n"))
}

fn command(status: &Status) -> String {
    match &status.next_command {
        Some(command) => format!("Type:    {command}"),
        None if status.phases.iter().all(|phase| phase.state == PhaseState::Finished) => {
            "Nothing is left to do.".to_owned()
        }
        None => "Nothing to type: it goes on by itself.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cutover_core::journal::{Event, Upgrade};
    use cutover_core::plan::Order;
    use cutover_core::time::later;

    use super::*;
    use crate::show::status::StatusInputs;
    use crate::show::testing::{self, assert_fits};

    fn status(upgrade: &Upgrade, minutes: u64) -> Status {
        let deployment = testing::deployment();
        let now = later(deployment.window.start.timestamp, Duration::from_secs(60 * minutes));
        Status::of(StatusInputs { upgrade, deployment: &deployment, file: "mitx.toml", now, conductor_lives: None })
    }

    /// The upgrade so many minutes after the window's start, all as expected.
    fn at(minutes: u64) -> Upgrade {
        let deployment = testing::deployment();
        let journal =
            testing::journal(&deployment, &[Phase::Announce, Phase::Prepare, Phase::Window], Order::Overlapped);
        testing::fold(&testing::until(&deployment, &journal, Duration::from_secs(60 * minutes)))
    }

    fn failed_migration() -> Upgrade {
        let mut upgrade = at(10);
        let now = later(testing::deployment().window.start.timestamp, Duration::from_secs(700));
        let step = testing::step_id(&upgrade.phases[&Phase::Window].plan, "window.migrate.residential-live.1");
        let error =
            "exit status 1 from edxapp-migrate-lms: (1060, \"Duplicate column name 'external_key'\")".to_owned();
        upgrade.apply(now, &Event::StepFailed { step, error }).expect("it may fail");
        upgrade
    }

    #[test]
    fn before_anything_it_says_what_to_type_first() {
        let status = status(&Upgrade::default(), 0);
        insta::assert_snapshot!(status_text(&status));
        assert_eq!(status.next_command.as_deref(), Some("cutover announce mitx.toml"));
    }

    #[test]
    fn in_the_window_it_shows_what_runs_and_what_back_would_mean() {
        insta::assert_snapshot!(status_text(&status(&at(3), 3)));
    }

    #[test]
    fn once_a_migration_has_begun_there_is_no_way_back() {
        let status = status(&at(10), 10);
        assert!(!status.back.as_ref().expect("in the window").impossible.is_empty());
        insta::assert_snapshot!(status_text(&status));
    }

    #[test]
    fn a_waiting_gate_shows_its_checklist_and_the_line_to_type() {
        let status = status(&at(30), 30);
        assert_eq!(status.next_command.as_deref(), Some("cutover approve mitx.toml manual-checks --by NAME"));
        insta::assert_snapshot!(status_text(&status));
    }

    #[test]
    fn a_failed_migration_says_that_the_page_must_stay_up() {
        let status = status(&failed_migration(), 12);
        assert_eq!(status.next_command.as_deref(), Some("cutover window mitx.toml"));
        insta::assert_snapshot!(status_text(&status));
    }

    #[test]
    fn a_conductor_that_is_not_alive_means_that_the_phase_has_stopped() {
        let (deployment, upgrade) = (testing::deployment(), at(10));
        let now = later(deployment.window.start.timestamp, Duration::from_secs(700));
        let inputs =
            StatusInputs { upgrade: &upgrade, deployment: &deployment, file: "f", now, conductor_lives: Some(false) };
        let status = Status::of(inputs);
        assert_eq!(status.phases[2].state, PhaseState::Stopped);
        assert_eq!(status.next_command.as_deref(), Some("cutover window f"));
    }

    #[test]
    fn a_step_past_its_expected_time_stands_out() {
        assert!(status_text(&status(&at(10), 30)).contains("LONGER THAN EXPECTED"));
    }

    #[test]
    fn no_line_of_a_status_passes_80_columns() {
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
                    conductor_lives: Some(true),
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
