//! Where an upgrade is, as data: computed from the journal's state and a moment, for `status`, `--json` and the page.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::journal::{
    MigrationProgress, OldCode, Run, StepRun, StepStatus, Upgrade, hosts_left_out, lacks_snapshot, page_is_up,
    page_may_lift, stopped_early, tasks_left, way_back,
};
use crate::names::{GateName, HostName, StepId, UpgradeId};
use crate::plan::{Action, Decide, PageMayLift, Phase, Step, StepGroups};
use crate::rows::RowCounts;
use crate::time::{OffsetTime, between, seconds};
use jiff::Timestamp;
use serde::Serialize;

use super::by_hand::ByHand;
use super::commands::{
    accept_command, approve_command, cannot_go_on, look_command, move_command, next_command, phase_command,
    phase_command_as_planned, resume_command, retire_once_served, retry_command, take_over_command,
};
use super::conductor::ConductorState;
use super::edited::Edited;
use super::held::HeldHost;
use super::inputs::StatusInputs;
use super::phases::{PhaseState, PhaseStatus};
use super::refusal::{Refusal, refusal_of};
use super::stopped::StoppedServices;
use super::window::{Downtime, StartStatus, WindowStatus};

/// Where an upgrade is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Why the state could not be read completely. Then the other fields show what could be read, and may be out of
    /// date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Which upgrade.
    pub upgrade: UpgradeId,
    /// The moment of this status.
    pub now: Timestamp,
    /// The time of the last record.
    pub updated_at: Option<Timestamp>,
    /// Who conducts it, or was the last to conduct it.
    pub conductor: Option<String>,
    /// What is known of that conductor, according to its lease.
    pub conductor_state: ConductorState,
    /// The command that takes the upgrade over from a conductor that is suspended, and may have to stay so.
    pub take_over_command: Option<String>,
    /// Whether somebody conducts it now, as far as is known.
    pub conducted: bool,
    /// Why the last conductor stopped early.
    pub interrupted: Option<String>,
    /// Why the state could not be written just now: nothing if it could, or if that was not tried. Whoever makes the status
    /// tries it if the last conductor has ended without a recorded reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unwritable: Option<String>,
    /// The epoch of a conductor of this upgrade that has changed the zone, although nothing is on record: the journal is missing
    /// from this state. Whoever makes the status looks for it if nothing is on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_missing_since: Option<u64>,
    /// The phase that was started last.
    pub phase: Option<Phase>,
    /// All phases.
    pub phases: Vec<PhaseStatus>,
    /// The steps under way, without gates.
    pub running: Vec<RunningStep>,
    /// The steps that have failed.
    pub failed: Vec<FailedStep>,
    /// The current hosts whose services the window has stopped although visitors are not sent to the maintenance page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<StoppedServices>,
    /// Old code that was found running although the migrations of its fleet had begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub old_code: Vec<OldCode>,
    /// What is left on hosts that only people can do. Hosts that were terminated are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_to_do: Vec<String>,
    /// The tables that have fewer rows since the migrations than before them, each with both numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost_rows: Vec<String>,
    /// The current hosts on which something stays held back or frozen after the window, until they are terminated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldHost>,
    /// The next hosts that the window goes on without, or went: they are gone, and nothing launches them again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<HostName>,
    /// The gates that wait for a decision.
    pub gates: Vec<WaitingGate>,
    /// What can start next, with similar steps grouped.
    pub next: Vec<NextSteps>,
    /// When the window starts, until visitors are sent to the maintenance page.
    pub start: Option<StartStatus>,
    /// The window's times, while it is under way.
    pub window: Option<WindowStatus>,
    /// What going back would mean, while the window is under way.
    pub back: Option<BackStatus>,
    /// How long the sites were not served, once they all are again.
    pub downtime: Option<Downtime>,
    /// Set if the file no longer says what was announced, or what is under way.
    pub edited: Option<Edited>,
    /// The command that applies the edit, once no conductor is at work.
    pub apply_command: Option<String>,
    /// The command to type next; nothing if there is none.
    pub next_command: Option<String>,
    /// The command to type once the sites are served again: all next hosts of a balancer are gone, so that nothing is retired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub once_served_command: Option<String>,
    /// The command that resumes the phase under way, once its conductor has done what it was asked: to stop.
    pub resume_command: Option<String>,
    /// The command that announces another window, once its dates were edited in the file, instead of opening this one late.
    pub move_command: Option<String>,
    /// The window's clock, which is used to show moments.
    #[serde(skip)]
    pub clock: OffsetTime,
}

/// A step under way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunningStep {
    /// The step.
    pub step: StepId,
    /// Its lane.
    pub lane: String,
    /// What it does.
    pub title: String,
    /// What it and similar steps do together.
    pub group: String,
    /// The time since it was started.
    #[serde(rename = "elapsed_seconds", with = "seconds")]
    pub elapsed: Duration,
    /// How long it is expected to take.
    #[serde(rename = "expected_seconds", with = "seconds")]
    pub expected: Duration,
    /// How long it may take.
    #[serde(rename = "limit_seconds", with = "seconds")]
    pub limit: Duration,
    /// The moment that it waits for, if it only waits.
    pub until: Option<Timestamp>,
    /// How far it is with its migrations, if it migrates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationProgress>,
    /// The attempt under way, from 1.
    pub attempt: u32,
    /// The answer, if its last call failed or it is not known whether the call took effect.
    pub trouble: Option<String>,
}

/// A step that has failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedStep {
    /// The step.
    pub step: StepId,
    /// Its lane.
    pub lane: String,
    /// What it does.
    pub title: String,
    /// What failed.
    pub error: String,
    /// The refusal at the gate, if that is the only reason for the failure.
    pub refused: Option<Refusal>,
    /// Whether it has failed only because a snapshot lacks what was written after it. To go on nevertheless is a choice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lacks_snapshot: bool,
    /// Whether the job of this migration may still run, as far as is known. It is waited for when the phase goes on, and not
    /// tried again before its end is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub job_may_run: bool,
    /// Whether an operator has approved another run of this migration that was not started: it is, when the phase goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub consent_holds: bool,
    /// How many tasks wait in the queues, if it has failed because of them. To leave them to the next hosts is a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_left: Option<u64>,
    /// The hosts that could not be looked at, if it has failed because of them, and that no operator lets it go on without. To
    /// let visitors back without that is a choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<HostName>,
    /// Whether it is a soak that has seen too much. To leave it at that is a choice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub soaked: bool,
    /// Whether visitors are sent to the maintenance page.
    pub page_is_up: bool,
    /// Why the maintenance page may not be lifted; nothing if it may.
    pub page_stays_because: Option<String>,
    /// The command that tries again what is never tried again without consent: a failed migration, once its schema is
    /// repaired, a step in doubt, if it was not done, the last look before migrations whose snapshot lacks something, a
    /// count of tasks that are left, or hosts that could not be looked at before visitors come back. Nothing for other steps, which are tried again when the phase is run again.
    pub retry_command: Option<String>,
    /// The command that treats a step in doubt as done, or accepts what a soak has seen; nothing for other steps.
    pub accept_command: Option<String>,
}

/// A gate that waits for a decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitingGate {
    /// The gate.
    pub gate: GateName,
    /// The question to decide.
    pub question: String,
    /// What to check before deciding.
    pub checklist: Vec<String>,
    /// The command that shows testers the new sites behind the page, before it is lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_command: Option<String>,
    /// Since when it waits.
    pub since: Timestamp,
    /// The command that approves it; nothing if the state could not be read completely, or if the file was edited and
    /// nobody conducts the plan that asks.
    pub command: Option<String>,
}

/// Similar steps that can start next: everything they wait for has been started.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextSteps {
    /// What they do.
    pub title: String,
    /// Their lane.
    pub lane: String,
    /// How many there are.
    pub steps: usize,
    /// How long they are expected to take, side by side.
    #[serde(rename = "expected_seconds", with = "seconds")]
    pub expected: Duration,
}

/// What going back would mean now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackStatus {
    /// The steps whose inverse would be done.
    pub steps: usize,
    /// How long that is expected to take.
    #[serde(rename = "length_seconds", with = "seconds")]
    pub length: Duration,
    /// The same steps with similar ones grouped, in the order in which they would be undone.
    pub list: Vec<BackSteps>,
    /// What cannot be undone: the first such step of each lane; empty if everything can be undone.
    pub impossible: Vec<NoWayBack>,
}

/// Similar steps that would be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackSteps {
    /// What they did.
    pub title: String,
    /// Their lane.
    pub lane: String,
    /// How many there are.
    pub steps: usize,
    /// What to type to undo them, in this order; nothing for what has no command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<ByHand>,
}

/// Why a lane cannot go back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoWayBack {
    /// The step that nothing undoes.
    pub step: StepId,
    /// Its lane.
    pub lane: String,
    /// Why, and what the choices are.
    pub because: String,
}

impl Status {
    /// Where the upgrade is.
    #[must_use]
    pub fn of(inputs: StatusInputs<'_>) -> Self {
        let upgrade = inputs.upgrade;
        let current = upgrade.current_run();
        let unfinished = current.filter(|run| run.finished_at.is_none());
        let window = unfinished.filter(|run| run.plan.phase == Phase::Window);

        let phases: Vec<PhaseStatus> = Phase::ALL.iter().map(|phase| PhaseStatus::of(inputs, *phase)).collect();
        let groups = unfinished.map(|run| StepGroups::of(&run.plan)).unwrap_or_default();
        let known = Edited::of(upgrade, inputs.deployment);
        let edited = known.as_ref();
        let gates = waiting_gates(inputs, edited);
        let is_readable = inputs.damage.is_none();
        let gate = gates.first().and_then(|gate| gate.command.clone());
        let once_served_command = retire_once_served(inputs, &phases);
        Self {
            damage: inputs.damage.map(str::to_owned),
            upgrade: upgrade.id.clone().unwrap_or_else(|| inputs.deployment.upgrade()),
            now: inputs.now,
            updated_at: upgrade.updated_at,
            conductor: upgrade.conductor.clone(),
            conductor_state: inputs.conductor.clone(),
            take_over_command: take_over_command(inputs, &phases, edited).filter(|_| is_readable),
            conducted: upgrade.interrupted.is_none() && *inputs.conductor != ConductorState::Gone,
            interrupted: upgrade.interrupted.clone(),
            unwritable: None,
            journal_missing_since: None,
            phase: current.map(|run| run.plan.phase),
            running: unfinished.map(|run| running(run, &groups, inputs.now)).unwrap_or_default(),
            failed: unfinished.map(|run| failed(inputs, run, edited)).unwrap_or_default(),
            stopped: stopped_early(upgrade).into_iter().map(|stop| StoppedServices::of(stop, upgrade)).collect(),
            old_code: upgrade.old_code.clone(),
            left_to_do: left_to_do(upgrade),
            lost_rows: upgrade.rows.values().flat_map(RowCounts::lost).collect(),
            held: HeldHost::all(upgrade),
            left_out: upgrade.run_of(Phase::Window).into_iter().flat_map(hosts_left_out).cloned().collect(),
            next: unfinished.map(|run| next(run, &groups)).unwrap_or_default(),
            start: StartStatus::of(inputs.upgrade, inputs.deployment),
            window: window.map(|run| WindowStatus::of(run, upgrade, inputs.deployment, inputs.now)),
            back: window.map(|run| back_status(run, inputs, &groups)),
            downtime: upgrade.run_of(Phase::Window).and_then(|run| Downtime::of(run, upgrade, inputs.deployment)),
            // The next step is unknown if the state could not be read to its end.
            next_command: next_command(inputs, &phases, gate, edited)
                .filter(|_| is_readable && once_served_command.is_none()),
            resume_command: resume_command(inputs, &phases, edited).filter(|_| is_readable),
            once_served_command: once_served_command.filter(|_| is_readable),
            move_command: move_command(inputs, &phases, edited).filter(|_| is_readable),
            apply_command: edited
                .filter(|edited| is_readable && edited.put_back.is_none())
                .map(|other| phase_command(inputs, edited, other.phase)),
            edited: known.filter(|_| is_readable),
            phases,
            gates,
            clock: inputs.deployment.window.start,
        }
    }
}

impl Status {
    /// The status of an upgrade that a conductor of this epoch has begun, and of which nothing is on record here: nobody knows
    /// what is to be done next.
    #[must_use]
    pub fn without_journal(self, epoch: u64) -> Self {
        Self { journal_missing_since: Some(epoch), next_command: None, move_command: None, ..self }
    }

    /// Whether the phase that was started last has stopped and no reason is on record: its conductor was killed, its machine
    /// has ended, or it could not write the reason. Why a phase before has stopped is not known any more, and was shown.
    #[must_use]
    pub fn has_stopped_without_reason(&self) -> bool {
        let last = self.phases.iter().find(|phase| self.phase == Some(phase.phase));
        self.interrupted.is_none() && last.is_some_and(|phase| phase.state == PhaseState::Stopped)
    }
}

fn running(run: &Run, groups: &StepGroups, now: Timestamp) -> Vec<RunningStep> {
    let open = run.runs().filter(|(_, step_run)| step_run.status.is_open());
    // Steps that wait for a person are listed as gates.
    let open = open.filter(|(step, _)| !matches!(step.action, Action::Decide(_)));
    open.map(|(step, step_run)| RunningStep {
        step: step.id.clone(),
        lane: step.lane.to_string(),
        title: step.title.clone(),
        group: groups.group_of(&step.id).map_or_else(|| step.title.clone(), |group| group.title.clone()),
        elapsed: step_run.started_at.map_or(Duration::ZERO, |started| between(started, now)),
        expected: step.expected,
        limit: step.limit,
        until: match step.action {
            Action::WaitUntil { moment, .. } => Some(moment),
            _ => None,
        },
        migration: step_run.migration_progress(),
        attempt: step_run.status.attempts(),
        trouble: trouble(step_run),
    })
    .collect()
}

fn trouble(run: &StepRun) -> Option<String> {
    match &run.status {
        StepStatus::InDoubt { error, .. } => Some(format!("in doubt: {error}")),
        StepStatus::Retrying { error, .. } => Some(format!("will be tried again: {error}")),
        _ => None,
    }
}

fn failed(inputs: StatusInputs<'_>, run: &Run, edited: Option<&Edited>) -> Vec<FailedStep> {
    let (phase, upgrade) = (run.plan.phase, inputs.upgrade);
    let again = phase_command(inputs, edited, phase);
    // Only these are accepted as done: what was in doubt once may have been found out since.
    let is_in_doubt = |step: &Step| matches!(run.status(&step.id), StepStatus::Failed { in_doubt: true, .. });
    let lacks_snapshot = |step: &Step| lacks_snapshot(run, step);
    // A migration of which no job was started is simply tried again, and so is one whose consent still holds.
    let may_be_begun = |step: &Step| matches!(step.action, Action::Migrate(_)) && run.run(&step.id).has_begun_job();
    let consent_holds = |step: &Step| may_be_begun(step) && run.run(&step.id).retry_approved;
    let job_may_run = |step: &Step| run.run(&step.id).open_job().is_some();
    let waits = |step: &Step| may_be_begun(step) && !job_may_run(step) && !consent_holds(step);
    let unseen_by = |step: &Step| run.run(&step.id).unseen_without_consent().cloned().collect::<Vec<HostName>>();
    let needs_consent = |step: &Step| {
        waits(step) || is_in_doubt(step) || tasks_left(run, step).is_some() || !unseen_by(step).is_empty()
    };
    let as_it_is = phase_command_as_planned(inputs, edited, phase);
    // A phase is not run while the file has to be put back, or another phase planned again first.
    let can_be_run = edited.is_none_or(|edited| edited.phase == phase && edited.put_back.is_none());
    let can_be_run = can_be_run && inputs.damage.is_none() && !cannot_go_on(inputs);
    let failed = run.failed().map(|(step, error)| FailedStep {
        step: step.id.clone(),
        lane: step.lane.to_string(),
        title: step.title.clone(),
        error: error.to_owned(),
        refused: refusal_of(run, step, upgrade),
        page_is_up: page_is_up(run),
        page_stays_because: match page_may_lift(run, upgrade, step) {
            PageMayLift::No { because } => Some(because),
            PageMayLift::Yes => None,
        },
        lacks_snapshot: lacks_snapshot(step),
        job_may_run: job_may_run(step),
        consent_holds: consent_holds(step),
        tasks_left: tasks_left(run, step),
        unseen: unseen_by(step),
        soaked: matches!(step.action, Action::Soak(_)) && is_in_doubt(step),
        retry_command: match lacks_snapshot(step) {
            true => can_be_run.then(|| retry_command(&as_it_is, &step.id)),
            false => (needs_consent(step) && can_be_run).then(|| retry_command(&again, &step.id)),
        },
        accept_command: (is_in_doubt(step) && can_be_run).then(|| accept_command(&again, &step.id)),
    });
    failed.collect()
}

fn waiting_gates(inputs: StatusInputs<'_>, edited: Option<&Edited>) -> Vec<WaitingGate> {
    // If the edit is applied before somebody conducts the plan that asks, a decision on it is void.
    let counts = edited.is_none() || inputs.conductor.lives() == Some(true);
    let plans = inputs.upgrade.last_runs().flat_map(|run| &run.plan.steps);
    let asked: BTreeMap<&GateName, &Decide> = plans
        .filter_map(|step| match &step.action {
            Action::Decide(decide) => Some((&decide.gate, decide)),
            _ => None,
        })
        .collect();
    let waiting = inputs.upgrade.waiting_gates.iter();
    waiting
        .map(|(gate, since)| WaitingGate {
            gate: gate.clone(),
            question: asked.get(gate).map(|decide| decide.question.clone()).unwrap_or_default(),
            checklist: asked.get(gate).map(|decide| decide.checklist.clone()).unwrap_or_default(),
            look_command: look_command(inputs.deployment, inputs.file, gate),
            since: *since,
            command: (counts && inputs.damage.is_none()).then(|| approve_command(inputs.file, gate)),
        })
        .collect()
}

/// What is left to do on hosts that are there.
fn left_to_do(upgrade: &Upgrade) -> Vec<String> {
    let is_there = |host: &HostName| {
        let id = upgrade.instance(host);
        id.is_none_or(|id| !upgrade.terminated.contains(id) && !upgrade.gone.contains(id))
    };
    upgrade.left_to_do.iter().filter(|(host, _)| is_there(host)).map(|(_, text)| text.clone()).collect()
}

/// The first groups of steps for which everything that they wait for has been started: those that wait, and those that have
/// failed and are run again.
fn next(run: &Run, groups: &StepGroups) -> Vec<NextSteps> {
    let mut started: HashSet<&StepId> = HashSet::new();
    let mut by_group: BTreeMap<usize, Vec<&Step>> = BTreeMap::new();
    // Each step comes after all that it waits for.
    for (step, step_run) in run.runs() {
        let is_left = matches!(step_run.status, StepStatus::Waiting | StepStatus::Failed { .. });
        let is_next = || step.waits_for.iter().all(|edge| started.contains(&edge.step));
        if !is_left {
            started.insert(&step.id);
        } else if is_next() {
            match step.action {
                // It stands for the steps that it waits for, and all of these have started.
                Action::Milestone => {
                    started.insert(&step.id);
                }
                _ => by_group.entry(groups.index_of(&step.id).unwrap_or_default()).or_default().push(step),
            }
        }
    }
    let next = by_group.into_iter().map(|(index, steps)| NextSteps {
        title: groups.list[index].title.clone(),
        lane: groups.list[index].lane.to_string(),
        steps: steps.len(),
        expected: steps.iter().map(|step| step.expected).max().unwrap_or_default(),
    });
    next.collect()
}

fn back_status(run: &Run, inputs: StatusInputs<'_>, groups: &StepGroups) -> BackStatus {
    let back = way_back(run, inputs.upgrade);
    let mut impossible: Vec<NoWayBack> = Vec::new();
    for step in &run.plan.steps {
        let lane = step.lane.to_string();
        if let Some(because) = back.impossible.get(&step.id)
            && impossible.iter().all(|known| known.lane != lane)
        {
            impossible.push(NoWayBack { step: step.id.clone(), lane, because: because.clone() });
        }
    }
    let steps = back.steps.iter().filter_map(|id| run.plan.step(id)).collect::<Vec<_>>();
    let list = back_list(&steps, inputs, groups);
    BackStatus { steps: back.steps.len(), length: back.length, list, impossible }
}

/// The steps that would be undone, in groups. A group has the place of the first of its steps that would be undone.
fn back_list(steps: &[&Step], inputs: StatusInputs<'_>, groups: &StepGroups) -> Vec<BackSteps> {
    let mut members: Vec<(usize, Vec<&Step>)> = Vec::new();
    for step in steps {
        let Some(index) = groups.index_of(&step.id) else { continue };
        match members.iter_mut().find(|(group, _)| *group == index) {
            Some((_, members)) => members.push(step),
            None => members.push((index, vec![step])),
        }
    }
    let list = members.into_iter().map(|(index, members)| BackSteps {
        title: groups.list[index].title.clone(),
        lane: groups.list[index].lane.to_string(),
        steps: members.len(),
        by_hand: ByHand::all(members, inputs.upgrade, inputs.deployment),
    });
    list.collect()
}
