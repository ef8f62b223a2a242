//! The stream of progress as lines of a log: which events get a line, and its text. This module does not print the
//! lines.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Decision, Event, Run, StepRun, StepStatus, Upgrade, page_is_up, page_may_lift, warning};
use cutover_core::names::{GateName, StepId};
use cutover_core::plan::{Action, Lane, PageMayLift, Phase, Plan, Step, StepGroup, StepGroups};
use cutover_core::progress::Progress;
use cutover_core::status::{approve_command, delayed, refusal_of};
use cutover_core::time::{OffsetTime, between, human};
use jiff::Timestamp;
use jiff::civil::Date;

use super::note::{Kind, Note};
use super::text::count;
use super::waits::{Waits, members};
use super::{dns, found, rows};
use crate::commands_to_type::GivenArguments;
use crate::harmless::one_line;

/// Steps that are expected to take less than this are shown only when they end.
const WORTH_A_BEGINNING: Duration = Duration::from_secs(15);
/// A step that is late by more than this is what its lane does, whatever else is under way there.
const WORTH_A_LOOK: Duration = Duration::from_secs(30);

/// Follows an upgrade, and remembers what was shown already.
#[derive(Clone, Debug)]
pub(super) struct Narrator {
    /// The window's clock, which is used to show moments.
    pub(super) clock: OffsetTime,
    /// The deployment file for commands to type; nothing if nobody is expected to type decisions.
    file: Option<String>,
    deployment: Deployment,
    upgrade: Upgrade,
    groups: StepGroups,
    waits: Waits,
    /// The steps that have failed since the conductor took over. It does not take them up again.
    given_up: BTreeSet<StepId>,
    /// The day of the last note: notes show only the time of day.
    day: Option<Date>,
}

impl Narrator {
    /// A narrator for events that follow the state `upgrade`.
    pub(super) fn new(upgrade: &Upgrade, deployment: &Deployment, file: Option<&str>) -> Self {
        let groups = upgrade.current_run().map(|run| StepGroups::of(&run.plan)).unwrap_or_default();
        Self {
            clock: deployment.window.start,
            file: file.map(str::to_owned),
            deployment: deployment.clone(),
            upgrade: upgrade.clone(),
            groups,
            waits: Waits::default(),
            given_up: BTreeSet::new(),
            day: None,
        }
    }

    /// The notes for `progress`.
    pub(super) fn hear(&mut self, progress: &Progress) -> Vec<Note> {
        let given = GivenArguments { file: self.file.clone(), ..GivenArguments::default() };
        let mut notes = self.heard(progress);
        notes.iter_mut().for_each(|note| note.text = given.complete(&note.text));
        self.dated(notes)
    }

    /// `notes`, after a note with the date if they are the first ones of another day.
    fn dated(&mut self, mut notes: Vec<Note>) -> Vec<Note> {
        let Some(at) = notes.first().map(|note| note.at) else { return notes };
        let day = self.clock.offset.to_datetime(at).date();
        if self.day.replace(day).is_some_and(|before| before != day) {
            let lane = Lane::Deployment.to_string();
            notes.insert(0, Note { at, lane, kind: Kind::Date, text: day.to_string() });
        }
        notes
    }

    fn heard(&mut self, progress: &Progress) -> Vec<Note> {
        match progress {
            Progress::Waiting { at, step, detail } => {
                self.waits.hear(*at, step, detail);
                self.waiting(*at)
            }
            Progress::Said { .. } => Vec::new(),
            Progress::Recorded { at, event, .. } => {
                let old_code = self.upgrade.old_code.len();
                // The engine refuses events that cannot follow; here they are just not shown.
                if self.upgrade.apply(*at, event).is_err() {
                    return Vec::new();
                }
                match event {
                    Event::ConductorTookOver { .. } => self.given_up.clear(),
                    Event::StepFailed { step, .. } => drop(self.given_up.insert(step.clone())),
                    _ => {}
                }
                if let Event::RunStarted { plan, .. } = event {
                    self.groups = StepGroups::of(plan);
                    self.waits = Waits::default();
                }
                let mut notes = self.trouble(*at, event, old_code);
                notes.extend(self.recorded(*at, event));
                notes.extend(self.waiting(*at));
                notes
            }
        }
    }

    /// The lanes of the phase under way; the lane of the whole deployment comes first.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        let lanes = self.groups.list.iter().map(|group| group.lane.clone());
        lanes.collect::<BTreeSet<Lane>>().into_iter().collect()
    }

    /// What a lane does at `now`, on one line: the longest step under way, and how many others there are.
    pub(super) fn lane_now(&self, lane: &Lane, now: Timestamp) -> String {
        let Some(run) = self.run() else { return String::new() };
        let of_lane: Vec<&StepGroup> = self.groups.list.iter().filter(|group| group.lane == *lane).collect();
        let mut open: Vec<(&StepGroup, Vec<(&Step, &StepRun)>)> = of_lane
            .iter()
            .map(|group| (*group, members(run, group).filter(|(_, run)| run.status.is_open()).collect::<Vec<_>>()))
            .filter(|(_, steps)| !steps.is_empty())
            .collect();
        // No step waits for draining, so it is shown only if nothing else is under way.
        open.sort_by_key(|(_, steps)| {
            let draining = steps.iter().all(|(step, _)| matches!(step.action, Action::AwaitDrained(_)));
            let late = steps.iter().map(|(step, run)| late_by(step, run, now)).max().unwrap_or_default();
            let late = (late > WORTH_A_LOOK).then_some(late);
            (draining, std::cmp::Reverse((late, steps.iter().map(|(step, _)| step.expected).max())))
        });
        let Some((group, steps)) = open.first() else { return self.without_open_steps(run, lane) };
        let done = members(run, group).filter(|(_, run)| run.status.is_done()).count();
        let hosts = if group.steps.len() > 1 { format!(" {done}/{}", group.steps.len()) } else { String::new() };
        let since = steps.iter().filter_map(|(_, run)| run.started_at).min().unwrap_or(now);
        let expected = steps.iter().map(|(step, _)| step.expected).max().unwrap_or_default();
        let others = if open.len() > 1 { format!(" (+{} more)", open.len() - 1) } else { String::new() };
        let detail = steps.iter().find_map(|(step, _)| self.waits.words(run, group, &step.id));
        let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
        // The times come first, because a narrow terminal cuts off the end.
        let times = match steps.first().map(|(step, _)| &step.action) {
            Some(Action::WaitUntil { moment, .. }) => format!("{} to go", human(between(now, *moment))),
            _ => format!(
                "{} of {}{}",
                human(between(since, now)),
                human(expected),
                self.delay(run, since, expected, now)
            ),
        };
        format!("{times}  {}{hosts}{others}{detail}", group.title)
    }

    /// What a lane does of which no step is under way.
    fn without_open_steps(&self, run: &Run, lane: &Lane) -> String {
        let of_lane = || run.runs().filter(|(step, _)| step.lane == *lane);
        if of_lane().all(|(_, run)| run.status.is_done()) {
            return "done".to_owned();
        }
        let Some((step, _)) = of_lane().find(|(step, state)| self.is_looked_at(run, step, state)) else {
            return "waits for other lanes".to_owned();
        };
        let title = self.groups.group_of(&step.id).map_or(&step.title, |group| &group.title);
        let detail = self.waits.of(&step.id).map_or_else(String::new, |detail| format!(": {detail}"));
        format!("looks first at what is there: {title}{detail}")
    }

    /// Whether the conductor looks now whether a step has to be begun. That takes minutes if a host does not answer.
    fn is_looked_at(&self, run: &Run, step: &Step, state: &StepRun) -> bool {
        let is_due = || step.waits_for.iter().all(|edge| run.status(&edge.step).is_done());
        !state.status.is_done() && !self.given_up.contains(&step.id) && is_due()
    }

    /// The effect on the window of a step that is past its expected time; empty if it is not.
    fn delay(&self, run: &Run, since: Timestamp, expected: Duration, now: Timestamp) -> String {
        if run.plan.phase != Phase::Window || between(since, now) <= expected {
            return String::new();
        }
        format!(", {}", delayed(run, &self.upgrade, &self.deployment, now))
    }

    /// What was reported of waits, and has had no line yet although a line is due at `now`.
    pub(super) fn still_untold(&mut self, now: Timestamp) -> Vec<Note> {
        let notes = self.waiting(now);
        self.dated(notes)
    }

    /// What is under way now, lane by lane, for a log without a line for a while.
    pub(super) fn still_going_on(&mut self, now: Timestamp) -> Vec<Note> {
        let Some(run) = self.run() else { return Vec::new() };
        let mut lanes = self.lanes_with(run, |_, state| state.status.is_open());
        if lanes.is_empty() {
            lanes = self.lanes_with(run, |step, state| self.is_looked_at(run, step, state));
        }
        let notes = lanes
            .into_iter()
            .map(|lane| Note { at: now, kind: Kind::Waits, text: self.lane_now(&lane, now), lane: lane.to_string() })
            .collect();
        self.dated(notes)
    }

    fn lanes_with(&self, run: &Run, wanted: impl Fn(&Step, &StepRun) -> bool) -> Vec<Lane> {
        let is_wanted = |lane: &Lane| run.runs().any(|(step, state)| step.lane == *lane && wanted(step, state));
        self.lanes().into_iter().filter(is_wanted).collect()
    }

    fn run(&self) -> Option<&Run> {
        self.upgrade.current_run()
    }

    fn recorded(&self, at: Timestamp, event: &Event) -> Vec<Note> {
        let whole = |kind, text: String| Note { at, lane: Lane::Deployment.to_string(), kind, text };
        let note = match event {
            Event::ConductorTookOver { upgrade, conductor } => {
                Some(whole(Kind::Phase, format!("{conductor} conducts {upgrade}")))
            }
            Event::RunStarted { plan, .. } => Some(whole(Kind::Phase, self.phase_begins(at, plan))),
            Event::RunFinished { .. } => self.run().map(|run| {
                let took = human(between(run.started_at, at));
                whole(Kind::Phase, format!("{} has succeeded, after {took}", run.kind))
            }),
            Event::Interrupted { because } => Some(whole(Kind::Trouble, format!("stopped: {because}"))),
            Event::FoundDone { host, text } => {
                Some(whole(Kind::Done, format!("{host}: this has been done since: {text}")))
            }
            Event::GateOpened { gate } => Some(whole(Kind::Gate, self.question(gate))),
            Event::GateDecided { decision, .. } => Some(whole(Kind::Decided, decided(decision))),
            Event::StepStarted { step, attempt } => self.begins(at, step, *attempt),
            Event::StepDone { step, .. } | Event::StepHeld { step, .. } => self.done(at, step),
            Event::StepLearned { .. } => None,
            Event::StepUndone { step } => self.about(at, step, Kind::Done, |step| format!("{}: undone", step.title)),
            Event::StepOutdated { step } => self.about(at, step, Kind::Trouble, |step| {
                format!("{}: made again, because an earlier process has made it", step.title)
            }),
            Event::StepAccepted { step, by, because } => self
                .about(at, step, Kind::Decided, |step| format!("{}: {by} accepted it as done: {because}", step.title)),
            Event::StepInDoubt { step, error } => self.about(at, step, Kind::Trouble, |step| {
                format!("{}: in doubt, it may or may not have worked: {error}", step.title)
            }),
            Event::StepRetried { step, error } => {
                self.about(at, step, Kind::Trouble, |step| format!("{}: will be tried again: {error}", step.title))
            }
            Event::StepRetryApproved { step, by } => {
                self.about(at, step, Kind::Decided, |step| format!("{}: {by} approved another attempt", step.title))
            }
            Event::StepFailed { step, error, .. } => self.failed(at, step, error),
        };
        self.rows_lost(at, event).into_iter().chain(note).collect()
    }

    /// That tables have lost rows is told with the end of the step that has counted them.
    fn rows_lost(&self, at: Timestamp, event: &Event) -> Option<Note> {
        let (Event::StepDone { step, facts } | Event::StepHeld { step, facts }) = event else { return None };
        let words = facts.iter().find_map(|fact| rows::told(&self.upgrade, fact))?;
        self.about(at, step, Kind::Trouble, |_| words.clone())
    }

    /// What a step has learned that people must know at once. The state had so many entries of `old_code` before.
    fn trouble(&self, at: Timestamp, event: &Event, old_code: usize) -> Vec<Note> {
        let Some(step) = event.step() else { return Vec::new() };
        let learned = event.facts().iter().filter_map(|fact| found::killed(fact).or_else(|| warning(fact)));
        let old_code = self.upgrade.old_code.iter().skip(old_code).map(found::old_code);
        let words = learned.chain(old_code);
        let notes =
            words.filter_map(|words| self.about(at, step, Kind::Trouble, |step| format!("{}: {words}", step.title)));
        notes.collect()
    }

    fn phase_begins(&self, at: Timestamp, plan: &Plan) -> String {
        let done = self.run().map_or(0, |run| run.runs().filter(|(_, step)| step.status.is_done()).count());
        let done = if done > 0 { format!(", {done} of them done already") } else { String::new() };
        let (steps, hash) = (count(plan.steps.len(), "step"), plan.hash());
        format!("{} starts {}: {steps}{done}, plan {}", plan.phase, self.clock.show(at), hash.short())
    }

    /// Only that the question is asked; the code that asks it also shows its checklist.
    fn question(&self, gate: &GateName) -> String {
        let asked = self.run().into_iter().flat_map(|run| &run.plan.steps).find_map(|step| match &step.action {
            Action::Decide(decide) if decide.gate == *gate => Some(decide.question.as_str()),
            _ => None,
        });
        let command = self.file.as_ref().map(|file| format!("\n{}", approve_command(file, gate)));
        format!("{}{}", asked.unwrap_or_default(), command.unwrap_or_default())
    }

    fn begins(&self, at: Timestamp, id: &StepId, attempt: u32) -> Option<Note> {
        let (run, group) = (self.run()?, self.groups.group_of(id)?);
        let (step, _) = members(run, group).find(|(step, _)| step.id == *id)?;
        // A gate that asks again, or a wait that continues, is not a new attempt.
        if attempt > 1 && !matches!(step.action, Action::Decide(_) | Action::WaitUntil { .. }) {
            return self.about(at, id, Kind::Begins, |step| format!("{}: attempt {attempt}", step.title));
        }
        let first = members(run, group).filter(|(_, run)| !run.status.is_untouched()).count() == 1;
        let worth = match step.action {
            Action::Decide(_) => false,
            Action::WaitUntil { .. } => true,
            _ => step.expected >= WORTH_A_BEGINNING,
        };
        (first && worth).then(|| Note {
            at,
            lane: group.lane.to_string(),
            kind: Kind::Begins,
            text: match step.expected {
                Duration::ZERO => group.title.clone(),
                expected => format!("{} (about {})", group.title, human(expected)),
            },
        })
    }

    /// A group is shown once: when the last of its steps has succeeded.
    fn done(&self, at: Timestamp, id: &StepId) -> Option<Note> {
        let (run, group) = (self.run()?, self.groups.group_of(id)?);
        let steps: Vec<(&Step, &StepRun)> = members(run, group).collect();
        let told_elsewhere = steps.iter().any(|(step, _)| matches!(step.action, Action::Decide(_)));
        if group.milestone || told_elsewhere || !steps.iter().all(|(_, run)| run.status.is_done()) {
            return None;
        }
        let since = steps.iter().filter_map(|(_, run)| run.started_at).min().unwrap_or(at);
        let held = steps.iter().filter(|(_, run)| run.status == StepStatus::Held).count();
        let length = human(between(since, at));
        let how = match held {
            _ if looks(steps.iter().map(|(step, _)| *step)) => format!("passed in {length}"),
            _ if waits(steps.iter().map(|(step, _)| *step)) => format!("in {length}"),
            0 => format!("in {length}"),
            all if all == steps.len() => "already done".to_owned(),
            1 => format!("in {length}, 1 of {} was already done", steps.len()),
            some => format!("in {length}, {some} of {} were already done", steps.len()),
        };
        let facts = || steps.iter().flat_map(|(_, run)| &run.facts);
        let seen = [dns::who_has_it(facts()), found::late_requests(facts())].into_iter().flatten();
        let seen: String = seen.map(|words| format!("; {words}")).collect();
        Some(Note { at, lane: group.lane.to_string(), kind: Kind::Done, text: format!("{}: {how}{seen}", group.title) })
    }

    /// A refusal is not shown again: it was shown when it was decided.
    fn failed(&self, at: Timestamp, id: &StepId, error: &str) -> Option<Note> {
        let run = self.run()?;
        let step = run.plan.step(id)?;
        if refusal_of(run, step, &self.upgrade).is_some() {
            return None;
        }
        let page = if page_is_up(run) { format!("\n{}", self.page_words(run, step)) } else { String::new() };
        let others = self.still_waited_for(run, step);
        self.about(at, id, Kind::Failed, |step| format!("{}: {error}{page}{others}", step.title))
    }

    /// That a conductor waits for the other steps after the failure of one; empty if there are none.
    fn still_waited_for(&self, run: &Run, failed: &Step) -> String {
        let ends = |step: &Step| matches!(step.action, Action::Decide(_) | Action::WaitUntil { .. } | Action::Soak(_));
        let has_failed = |(step, _): (&Step, &str)| !step.action.lets_others_go_on();
        if failed.action.lets_others_go_on() && !run.failed().any(has_failed) {
            let is_left = run.runs().any(|(step, run)| run.status.is_open() && step.lane != failed.lane);
            return if is_left { "\nthe other fleets go on".to_owned() } else { String::new() };
        }
        let open = run.runs().filter(|(step, run)| run.status.is_open() && !ends(step)).count();
        match open {
            0 => String::new(),
            1 => "\nno new step begins; 1 step under way ends first".to_owned(),
            open => format!("\nno new step begins; {open} steps under way end first"),
        }
    }

    fn page_words(&self, run: &Run, step: &Step) -> String {
        match page_may_lift(run, &self.upgrade, step) {
            PageMayLift::Yes => "the maintenance page may be lifted once the finished steps are undone".to_owned(),
            PageMayLift::No { because } => format!("the maintenance page must stay up: {because}"),
        }
    }

    /// What was reported of waits, where a line is due.
    fn waiting(&mut self, at: Timestamp) -> Vec<Note> {
        let mut waits = std::mem::take(&mut self.waits);
        let due = self.run().map(|run| {
            let is_waiting = |step: &Step| {
                let state = run.run(&step.id);
                state.status.is_open() || self.is_looked_at(run, step, state)
            };
            let due = waits.due(at, run, &self.groups, |step| run.plan.step(step).is_some_and(is_waiting));
            due.into_iter().map(|(index, detail)| self.wait(at, run, &self.groups.list[index], &detail)).collect()
        });
        self.waits = waits;
        due.unwrap_or_default()
    }

    fn wait(&self, at: Timestamp, run: &Run, group: &StepGroup, detail: &str) -> Note {
        let done = members(run, group).filter(|(_, run)| run.status.is_done()).count();
        let hosts =
            if group.steps.len() > 1 { format!(" ({done} of {} done)", group.steps.len()) } else { String::new() };
        let text = format!("{}{hosts}: {detail}", group.title);
        Note { at, lane: group.lane.to_string(), kind: Kind::Waits, text }
    }

    fn about(&self, at: Timestamp, id: &StepId, kind: Kind, words: impl Fn(&Step) -> String) -> Option<Note> {
        let (run, group) = (self.run()?, self.groups.group_of(id)?);
        let (step, _) = members(run, group).find(|(step, _)| step.id == *id)?;
        Some(Note { at, lane: step.lane.to_string(), kind, text: words(step) })
    }
}

fn decided(decision: &Decision) -> String {
    let word = if decision.approved { "approved" } else { "REFUSED" };
    let note = decision.note.as_ref().map_or_else(String::new, |note| format!(": {}", one_line(note)));
    let again = if decision.approved { "" } else { "; the same command asks again" };
    format!("gate {} {word} by {}{note}{again}", decision.gate, one_line(&decision.by))
}

/// Whether the steps only check something: then there is nothing that could have been done already.
fn looks<'a>(mut steps: impl Iterator<Item = &'a Step>) -> bool {
    steps.all(|step| {
        matches!(
            step.action,
            Action::CheckSite(_)
                | Action::Baseline(_)
                | Action::ReadStatements(_)
                | Action::Soak(_)
                | Action::ConfirmStopped { .. }
                | Action::ConfirmRunning { .. }
        )
    })
}

/// By how much a step is past its expected time. A wait for people, for a date or for draining is never late.
fn late_by(step: &Step, run: &StepRun, now: Timestamp) -> Duration {
    match step.action {
        Action::Decide(_) | Action::WaitUntil { .. } | Action::AwaitDrained(_) => Duration::ZERO,
        _ => run.started_at.map_or(Duration::ZERO, |since| between(since, now).saturating_sub(step.expected)),
    }
}

/// Whether the steps only wait.
fn waits<'a>(mut steps: impl Iterator<Item = &'a Step>) -> bool {
    steps.all(|step| {
        matches!(
            step.action,
            Action::AwaitHealthy(_) | Action::AwaitDrained(_) | Action::AwaitResolvers(_) | Action::WaitUntil { .. }
        )
    })
}
