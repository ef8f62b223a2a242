//! Progress without a terminal: a plain line for each important event, or all events as JSON.

use std::io::Write;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_core::progress::Progress;
use jiff::Timestamp;

use super::narrate::Narrator;
use super::note::Note;
use super::text::{WIDTH, hang};
use crate::harmless::cut;
use crate::layout::laid_out;
use crate::output::{write_line, write_note};

/// After how many seconds without a line the log repeats what is still under way.
const QUIET_SECONDS: u32 = 60;

/// A place that shows the progress of an upgrade. No failure to show it may stop an upgrade.
pub trait Screen {
    /// Shows `progress`.
    fn hear(&mut self, progress: &Progress);

    /// Told before everything that is shown: whether another program has the terminal, so that the cursor must stay where
    /// it is.
    fn in_background(&mut self, _is_in_background: bool) {}

    /// Shows the upgrade's time `now`. Called after every second without progress.
    fn tick(&mut self, _now: Timestamp) {}

    /// Clears the screen for what is printed afterwards.
    fn finish(&mut self) {}
}

/// Plain lines: time of day, lane, what happened.
pub struct Lines {
    narrator: Narrator,
    out: Box<dyn Write + Send>,
    /// For how many seconds nothing was written.
    quiet: u32,
}

impl Lines {
    /// Writes lines to `out`, for events that follow the state `upgrade`. `file` is the deployment file as the operator
    /// named it, or nothing if nobody is expected to type decisions.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, upgrade: &Upgrade, deployment: &Deployment, file: Option<&str>) -> Self {
        Self { narrator: Narrator::new(upgrade, deployment, file), out, quiet: 0 }
    }
}

impl Lines {
    fn write(&mut self, notes: &[Note]) {
        for note in notes {
            self.quiet = 0;
            // The upgrade goes on even if its reader has gone away.
            let _ = write_line(&mut self.out, &line(&self.narrator, note));
        }
    }
}

impl Screen for Lines {
    fn hear(&mut self, progress: &Progress) {
        if let Progress::Said { text } = progress {
            self.quiet = 0;
            let _ = write_line(&mut self.out, &laid_out(text));
        }
        let notes = self.narrator.hear(progress);
        self.write(&notes);
    }

    /// Writes what steps wait for once it is due, and what is still under way, if nothing was written for a while.
    fn tick(&mut self, now: Timestamp) {
        self.quiet += 1;
        let untold = self.narrator.still_untold(now);
        self.write(&untold);
        if self.quiet >= QUIET_SECONDS {
            self.quiet = 0;
            let notes = self.narrator.still_going_on(now);
            self.write(&notes);
        }
    }
}

/// Shows only notes, on standard error.
pub struct Notes;

impl Screen for Notes {
    fn hear(&mut self, progress: &Progress) {
        if let Progress::Said { text } = progress {
            write_note(text);
        }
    }
}

/// A note as a line. If its text has several lines, the others are indented.
pub(super) fn line(narrator: &Narrator, note: &Note) -> String {
    let text = cut(&note.text).replace('\n', &format!("\n{:37}", ""));
    format!("{}{text}", before(narrator, note))
}

/// The same for a terminal of 80 columns. A command is never wrapped, so that it can be copied.
pub(super) fn narrow_line(narrator: &Narrator, note: &Note) -> String {
    let before = before(narrator, note);
    let text = cut(&note.text);
    let lines = text.lines().enumerate();
    let lines = lines.map(|(index, text)| {
        let blank = " ".repeat(before.len());
        if text.starts_with("cutover ") {
            return format!("  {text}");
        }
        hang(if index == 0 { &before } else { &blank }, text, WIDTH)
    });
    lines.collect::<Vec<String>>().join("\n")
}

fn before(narrator: &Narrator, note: &Note) -> String {
    format!("{}  {:<17} {:<8} ", narrator.clock.show_time(note.at), note.lane, note.kind.word())
}

/// Shows every event as one JSON object per line.
pub struct Json {
    out: Box<dyn Write + Send>,
}

impl Json {
    /// Writes JSON lines to `out`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out }
    }
}

impl Screen for Json {
    fn hear(&mut self, progress: &Progress) {
        if let Ok(json) = serde_json::to_string(progress) {
            let _ = write_line(&mut self.out, &json);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cutover_core::deployment::{Deployment, Role};
    use cutover_core::journal::{Decision, Event, Fact, Record};
    use cutover_core::names::StepId;
    use cutover_core::plan::{CapturedHost, Order, Phase};
    use cutover_core::time::later;

    use super::*;
    use crate::show::testing::{self, Paper};

    fn recorded(records: &[Record]) -> Vec<Progress> {
        records.iter().flat_map(testing::progress).collect()
    }

    fn lines(upgrade: &Upgrade, progress: &[Progress]) -> String {
        let paper = Paper::default();
        let mut lines = Lines::new(Box::new(paper.clone()), upgrade, &testing::deployment(), Some("mitx.toml"));
        progress.iter().for_each(|progress| lines.hear(progress));
        paper.text()
    }

    fn window() -> Vec<Record> {
        testing::journal(&testing::deployment(), &[Phase::Window], Order::Overlapped)
    }

    #[test]
    fn without_a_terminal_each_group_of_steps_of_the_window_has_a_line() {
        insta::assert_snapshot!(lines(&Upgrade::default(), &recorded(&window())));
    }

    #[test]
    fn the_hosts_of_a_group_share_one_line() {
        let text = lines(&Upgrade::default(), &recorded(&window()));
        assert_eq!(text.matches("stop services on 3 current edxapp hosts: in 20s").count(), 1, "{text}");
        assert!(!text.contains("edx-mitx-test-residential-live-0-v3"), "{text}");
    }

    /// The first minute of a window, and the step that waits for resolvers then.
    fn first_minute() -> (Deployment, StepId, Vec<Progress>) {
        let deployment = testing::deployment();
        let records = testing::until(&deployment, &window(), Duration::from_secs(60));
        let upgrade = testing::fold(&records);
        let plan = &upgrade.run_of(Phase::Window).expect("the window").plan;
        let step = testing::step_id(plan, "window.diverted.residential-live");
        (deployment, step, recorded(&records))
    }

    #[test]
    fn waits_are_shown_at_most_every_thirty_seconds() {
        let (deployment, step, mut progress) = first_minute();
        progress.extend((60..160).map(|seconds| Progress::Waiting {
            at: later(deployment.window.start.timestamp, Duration::from_secs(seconds)),
            step: step.clone(),
            detail: "1 of 3 resolvers answers with the new target".to_owned(),
        }));
        let text = lines(&Upgrade::default(), &progress);
        assert_eq!(text.matches("1 of 3 resolvers").count(), 4, "{text}");
    }

    /// What a log says if a wait is reported once, as soon as its step has begun, and then `tick` is called every second.
    fn with_one_report(seconds: u64, tick: impl Fn(&mut Lines, Timestamp)) -> String {
        let (deployment, step, _) = first_minute();
        let minute = testing::until(&deployment, &window(), Duration::from_secs(60));
        let began = testing::fold(&minute).run_of(Phase::Window).expect("the window").run(&step).started_at;
        let began = began.expect("it has begun");
        let records: Vec<Record> = minute.into_iter().filter(|record| record.at <= began).collect();
        let paper = Paper::default();
        let mut lines = Lines::new(Box::new(paper.clone()), &testing::fold(&records), &deployment, None);
        let detail = "held back; still running: nightly.service".to_owned();
        lines.hear(&Progress::Waiting { at: began, step, detail });
        (1..=seconds).for_each(|seconds| tick(&mut lines, later(began, Duration::from_secs(seconds))));
        paper.text()
    }

    #[test]
    fn a_wait_that_does_not_change_is_shown_although_it_was_reported_right_after_the_begin() {
        assert_eq!(with_one_report(29, Lines::tick).matches("still running: nightly.service").count(), 0);
        assert_eq!(with_one_report(45, Lines::tick).matches("still running: nightly.service").count(), 1);
    }

    #[test]
    fn a_wait_of_a_group_names_the_hosts_and_is_dropped_once_they_do_not_wait_any_more() {
        let deployment = testing::deployment();
        let is_stop = |id: &StepId| id.as_str().starts_with("window.stop.edx-mitx-test-residential-live");
        let stop = |event: &Event| match event {
            Event::StepStarted { step, .. } if is_stop(step) => Some(step.clone()),
            _ => None,
        };
        let all = window();
        let last = all.iter().rposition(|record| record.events.iter().any(|event| stop(event).is_some()));
        let (begun, rest) = all.split_at(last.expect("they begin") + 1);
        let at = begun.last().expect("a record").at;
        let (at, soon) = (later(at, Duration::from_secs(1)), later(at, Duration::from_secs(40)));
        let report = |lines: &mut Lines, step: &StepId, detail: &str| {
            lines.hear(&Progress::Waiting { at, step: step.clone(), detail: detail.to_owned() });
        };
        let stops: Vec<StepId> = begun.iter().flat_map(|record| record.events.iter().filter_map(stop)).collect();
        assert_eq!(stops.len(), 3);
        let told = |ends: &[Record]| {
            let paper = Paper::default();
            let mut lines = Lines::new(Box::new(paper.clone()), &testing::fold(begun), &deployment, None);
            stops[..2].iter().for_each(|step| report(&mut lines, step, "waiting for: lms"));
            report(&mut lines, &stops[2], "waiting for: cms");
            ends.iter().flat_map(testing::progress).for_each(|progress| lines.hear(&progress));
            let before = paper.text().len();
            for seconds in [0, 35] {
                lines.tick(later(soon, Duration::from_secs(seconds)));
            }
            paper.text()[before..].to_owned()
        };
        insta::assert_snapshot!(told(&[]));
        let all_ended = |end: &usize| {
            let upgrade = testing::fold(&[begun, &rest[..=*end]].concat());
            let run = upgrade.run_of(Phase::Window).expect("the window");
            stops.iter().all(|step| run.status(step).is_done())
        };
        let ends = (0..rest.len()).find(all_ended);
        assert_eq!(told(&rest[..=ends.expect("they end")]), "");
    }

    #[test]
    fn a_wait_is_shown_although_other_progress_never_pauses() {
        let noise = |lines: &mut Lines, at| {
            lines.hear(&Progress::Waiting { at, step: "no-such-step".into(), detail: at.to_string() });
        };
        assert_eq!(with_one_report(45, noise).matches("still running: nightly.service").count(), 1);
    }

    #[test]
    fn a_log_that_goes_on_for_days_says_when_another_day_begins() {
        let (deployment, step, mut progress) = first_minute();
        assert!(!lines(&Upgrade::default(), &progress).contains(" date "));
        let at = later(deployment.window.start.timestamp, Duration::from_secs(25 * 3600));
        progress.push(Progress::Waiting { at, step, detail: "1 of 3 resolvers".to_owned() });
        let text = lines(&Upgrade::default(), &progress);
        let last: Vec<&str> = text.lines().rev().take(2).collect();
        assert!(last[1].contains(" date     2021-01-05") && last[0].contains("1 of 3 resolvers"), "{text}");
    }

    #[test]
    fn a_resumed_run_shows_a_group_whose_first_hosts_were_done_before() {
        let deployment = testing::deployment();
        let (before, after): (Vec<Record>, Vec<Record>) = {
            let records = window();
            let end = later(deployment.window.start.timestamp, Duration::from_secs(160));
            let done = |record: &Record| {
                record.events.iter().any(|e| matches!(e, Event::StepDone { step, .. } if step.as_str().starts_with("window.stop.edx-mitx-test-residential-live")))
            };
            let split = records.iter().position(|record| record.at > end && done(record)).expect("a stop") + 1;
            (records[..split].to_vec(), records[split..].to_vec())
        };
        let text = lines(&testing::fold(&before), &recorded(&after));
        assert!(text.contains("stop services on 3 current edxapp hosts: in 20s"), "{text}");
    }

    #[test]
    fn failures_say_whether_the_page_may_be_lifted() {
        let deployment = testing::deployment();
        let records = testing::until(&deployment, &window(), Duration::from_secs(600));
        let step = testing::step_id(
            &testing::fold(&records).run_of(Phase::Window).expect("the window").plan,
            "window.migrate.residential-live.1",
        );
        let at = later(deployment.window.start.timestamp, Duration::from_secs(700));
        let event =
            Event::StepFailed { step, error: "exit status 1".to_owned(), in_doubt: false, changed_nothing: false };
        let text = lines(&testing::fold(&records), &[testing::recorded(at, event)]);
        insta::assert_snapshot!(text);
    }

    /// The lines for `events` that happen in the middle of the migrations.
    fn told(events: &[Event]) -> String {
        let deployment = testing::deployment();
        let records = testing::until(&deployment, &window(), Duration::from_secs(600));
        let at = later(deployment.window.start.timestamp, Duration::from_secs(700));
        let progress: Vec<Progress> = events.iter().map(|event| testing::recorded(at, event.clone())).collect();
        lines(&testing::fold(&records), &progress)
    }

    fn step(start: &str) -> StepId {
        testing::step_id(&testing::plan(&testing::deployment(), Phase::Window, Order::Overlapped), start)
    }

    #[test]
    fn any_failure_during_a_migration_keeps_the_page_up() {
        let verify = step("window.verify.");
        let text = told(&[
            Event::StepStarted { step: verify.clone(), attempt: 1 },
            Event::StepFailed { step: verify, error: "no answer".to_owned(), in_doubt: false, changed_nothing: false },
        ]);
        assert!(text.contains("the maintenance page must stay up: edxapp_residential_live may be migrated"), "{text}");
    }

    #[test]
    fn an_operator_approved_retry_names_the_operator() {
        let migrate = step("window.migrate.residential-live.1");
        let text = told(&[
            Event::StepFailed {
                step: migrate.clone(),
                error: "exit status 1".to_owned(),
                in_doubt: false,
                changed_nothing: false,
            },
            Event::StepRetryApproved { step: migrate, by: "alice".to_owned() },
        ]);
        assert!(
            text.contains("decided  migrate lms default on edxapp_residential_live: alice approved another"),
            "{text}"
        );
    }

    #[test]
    fn a_refusal_is_shown_once_and_not_as_a_failure() {
        let gate = step("window.gate.manual-checks");
        let decision = Decision {
            gate: "manual-checks".into(),
            approved: false,
            by: "bob".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            note: None,
            plan: None,
        };
        let text = told(&[
            Event::StepStarted { step: gate.clone(), attempt: 1 },
            Event::GateDecided { decision, object: None },
            Event::StepFailed {
                step: gate.clone(),
                error: "bob refused at gate manual-checks".to_owned(),
                in_doubt: false,
                changed_nothing: false,
            },
            Event::StepStarted { step: gate, attempt: 2 },
        ]);
        assert!(text.ends_with("REFUSED by bob; the same command asks again\n"), "{text}");
        assert!(!text.contains("FAILED") && !text.contains("attempt"), "{text}");
    }

    #[test]
    fn old_code_on_a_migrated_schema_is_told_when_it_is_found() {
        let deployment = testing::deployment();
        let current = |name: &str| CapturedHost {
            name: name.into(),
            instance: "i-0".into(),
            fleet: "residential-live".into(),
            role: Role::Edxapp,
        };
        let upgrade = Upgrade {
            captured: Some(vec![current("edx-0")]),
            ..testing::fold(&testing::until(&deployment, &window(), Duration::from_secs(600)))
        };
        let (migrate, look) = (step("window.migrate.residential-live.1"), step("window.still-stopped."));
        let job = Fact::Job { host: "next-0".into(), job: "migrate".into(), started: true };
        let ran =
            |host: &str| Fact::RanAgain { host: host.into(), programs: vec!["lms".into()], snapshots: Vec::new() };
        let events = [
            Event::StepLearned { step: migrate, facts: vec![job] },
            Event::StepStarted { step: look.clone(), attempt: 1 },
            Event::StepDone { step: look, facts: vec![ran("edx-0"), ran("next-0")] },
        ];
        let at = later(deployment.window.start.timestamp, Duration::from_secs(700));
        let text = lines(&upgrade, &events.map(|event| testing::recorded(at, event)));
        let words = "old code ran on a migrated schema: lms on edx-0 were";
        assert_eq!((text.matches(words).count(), text.matches("trouble").count()), (1, 1), "{text}");
    }

    #[test]
    fn a_check_is_never_shown_as_already_done() {
        let text = told(&[Event::StepHeld { step: step("window.verify.staging"), facts: Vec::new() }]);
        assert!(text.contains("passed in 0s"), "{text}");
    }

    #[test]
    fn a_step_past_its_expected_time_shows_its_effect_on_the_window() {
        let deployment = testing::deployment();
        let records = testing::until(&deployment, &window(), Duration::from_secs(600));
        let paper = Paper::default();
        let mut lines = Lines::new(Box::new(paper.clone()), &testing::fold(&records), &deployment, None);
        let now = later(deployment.window.start.timestamp, Duration::from_secs(2 * 3600));
        (1..QUIET_SECONDS).for_each(|_| lines.tick(now));
        assert_eq!(paper.text(), "", "it is not said every second");
        lines.tick(now);
        assert!(paper.text().contains("1h 54m of 16m, LATE BY"), "{}", paper.text());
    }

    #[test]
    fn scripted_decisions_show_no_command_to_type() {
        let paper = Paper::default();
        let mut lines = Lines::new(Box::new(paper.clone()), &Upgrade::default(), &testing::deployment(), None);
        recorded(&window()).iter().for_each(|progress| lines.hear(progress));
        assert!(!paper.text().contains("cutover approve"), "{}", paper.text());
    }

    #[test]
    fn json_lines_are_the_events_themselves() {
        let (paper, progress) = (Paper::default(), recorded(&window()));
        let mut json = Json::new(Box::new(paper.clone()));
        progress.iter().for_each(|progress| json.hear(progress));
        let read: Vec<Progress> =
            paper.text().lines().map(|line| serde_json::from_str(line).expect("progress")).collect();
        assert_eq!(read, progress);
    }
}
