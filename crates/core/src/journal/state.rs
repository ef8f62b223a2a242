//! What the journal says has happened: the fold of its events, by one transition function that serves the live
//! run, the resume and the rehearsal alike.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Decision, Event, Fact, Record};
use crate::digest::Digest;
use crate::names::{DatabaseName, GateName, HostName, ImageId, ImageName, InstanceId, SnapshotId, StepId, UpgradeId};
use crate::plan::{Action, CapturedHost, Edge, Migrate, Phase, Plan, Rule, Step};

/// Where a step is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum StepStatus {
    /// Not begun.
    #[default]
    Waiting,
    /// Begun: its act may have been made.
    Running {
        /// 1 the first time.
        attempt: u32,
    },
    /// Begun, and it is not known whether its call worked.
    InDoubt {
        /// The attempt whose outcome is not known.
        attempt: u32,
        /// What was answered.
        error: String,
    },
    /// Known not to have been applied; another attempt follows.
    Retrying {
        /// The attempt that was not applied.
        attempt: u32,
        /// What was answered.
        error: String,
    },
    /// Ended well.
    Done {
        /// Whether it already held, so that nothing was done.
        held: bool,
    },
    /// Ended badly. Running the phase again tries it again.
    Failed {
        /// The attempts made.
        attempts: u32,
        /// What failed.
        error: String,
    },
}

/// An event that cannot follow on what has happened. The journal is not from this program, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow {status} (step {step})")]
pub struct IllegalTransition {
    step: StepId,
    status: String,
    event: String,
}

impl IllegalTransition {
    fn outside_a_phase(step: &StepId, event: &Event) -> Self {
        Self {
            step: step.clone(),
            status: "no phase under way".to_owned(),
            event: serde_json::to_string(event).unwrap_or_default(),
        }
    }
}

/// The one transition function of steps.
///
/// # Errors
/// When `event` cannot happen to a step that is in `status`.
pub fn next_status(step: &StepId, status: &StepStatus, event: &Event) -> Result<StepStatus, IllegalTransition> {
    use StepStatus::{Done, Failed, InDoubt, Retrying, Running, Waiting};
    let attempts = status.attempts();
    match (status, event) {
        (
            Waiting | Running { .. } | InDoubt { .. } | Retrying { .. } | Failed { .. },
            Event::StepStarted { attempt, .. },
        ) if *attempt == attempts + 1 => Ok(Running { attempt: *attempt }),
        (Waiting | Running { .. } | InDoubt { .. } | Retrying { .. } | Failed { .. }, Event::StepDone { held, .. }) => {
            Ok(Done { held: *held })
        }
        (Running { attempt }, Event::StepInDoubt { error, .. }) => {
            Ok(InDoubt { attempt: *attempt, error: error.clone() })
        }
        (Running { attempt }, Event::StepRetried { error, .. }) => {
            Ok(Retrying { attempt: *attempt, error: error.clone() })
        }
        // A failed step that is looked at again may be found to have failed still.
        (
            Waiting | Running { .. } | InDoubt { .. } | Retrying { .. } | Failed { .. },
            Event::StepFailed { error, .. },
        ) => Ok(Failed { attempts, error: error.clone() }),
        (Failed { .. }, Event::StepRetryApproved { .. }) => Ok(status.clone()),
        _ => Err(IllegalTransition {
            step: step.clone(),
            status: format!("{status:?}"),
            event: serde_json::to_string(event).unwrap_or_default(),
        }),
    }
}

impl StepStatus {
    /// How many attempts have been begun.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        match self {
            Self::Waiting | Self::Done { .. } => 0,
            Self::Running { attempt } | Self::InDoubt { attempt, .. } | Self::Retrying { attempt, .. } => *attempt,
            Self::Failed { attempts, .. } => *attempts,
        }
    }

    /// Whether the step has ended well.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    /// Whether the step was begun and its end is not on record.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::InDoubt { .. } | Self::Retrying { .. })
    }
}

/// A step's status with its times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    /// Where it is.
    #[serde(flatten)]
    pub status: StepStatus,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it ended, well or badly.
    pub ended_at: Option<Timestamp>,
    /// How often it has failed.
    pub failures: u32,
    /// How often somebody wanted it tried again that is never tried again by itself.
    pub retries: u32,
}

impl StepRun {
    const WAITING: Self =
        Self { status: StepStatus::Waiting, started_at: None, ended_at: None, failures: 0, retries: 0 };
}

/// A phase as it was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseRun {
    /// The plan that is followed.
    pub plan: Plan,
    /// The digest of the deployment file that it was made from.
    pub deployment: Digest,
    /// When the phase was begun.
    pub started_at: Timestamp,
    /// When all its steps had ended well.
    pub finished_at: Option<Timestamp>,
    /// Where each step is.
    pub steps: BTreeMap<StepId, StepRun>,
}

impl PhaseRun {
    /// Where a step is.
    #[must_use]
    pub fn run(&self, step: &StepId) -> &StepRun {
        self.steps.get(step).unwrap_or(&StepRun::WAITING)
    }

    /// Where a step is, without its times.
    #[must_use]
    pub fn status(&self, step: &StepId) -> &StepStatus {
        &self.run(step).status
    }

    /// The steps with their runs, in the plan's order.
    pub fn runs(&self) -> impl Iterator<Item = (&Step, &StepRun)> {
        self.plan.steps.iter().map(|step| (step, self.run(&step.id)))
    }

    /// The steps that have failed.
    pub fn failed(&self) -> impl Iterator<Item = (&Step, &str)> {
        self.runs().filter_map(|(step, run)| match &run.status {
            StepStatus::Failed { error, .. } => Some((step, error.as_str())),
            _ => None,
        })
    }
}

/// Everything that the journal says about an upgrade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Upgrade {
    /// Which upgrade it is; nothing while the journal is empty.
    pub id: Option<UpgradeId>,
    /// Who conducts it, or did last.
    pub conductor: Option<String>,
    /// The time of the last record.
    pub updated_at: Option<Timestamp>,
    /// The phases that were begun.
    pub phases: BTreeMap<Phase, PhaseRun>,
    /// Why the last conductor stopped early; nothing while one goes on or when it ended well.
    pub interrupted: Option<String>,
    /// The current hosts on record.
    pub captured: Option<Vec<CapturedHost>>,
    /// The hosts that the upgrade launched.
    pub launched: BTreeMap<HostName, InstanceId>,
    /// The images that the upgrade built.
    pub images: BTreeMap<ImageName, ImageId>,
    /// The snapshots that the upgrade took.
    pub snapshots: BTreeMap<SnapshotId, DatabaseName>,
    /// The migrations that were begun by plans which others have superseded since: a new plan does not take them back.
    #[serde(default)]
    pub migrations_begun: BTreeMap<StepId, Migrate>,
    /// The migrations that really ran, and how many were applied.
    pub migrated: Vec<Fact>,
    /// The old hosts that the upgrade terminated.
    pub terminated: BTreeSet<InstanceId>,
    /// The gates that wait, and since when.
    pub waiting_gates: BTreeMap<GateName, Timestamp>,
    /// The decisions made, the last for each gate.
    pub decisions: BTreeMap<GateName, Decision>,
}

impl Upgrade {
    /// The state that records lead to, from nothing.
    ///
    /// # Errors
    /// When an event cannot follow on the ones before.
    pub fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, IllegalTransition> {
        let mut upgrade = Self::default();
        for record in records {
            for event in &record.events {
                upgrade.apply(record.at, event)?;
            }
        }
        Ok(upgrade)
    }

    /// Takes note of an event.
    ///
    /// # Errors
    /// When it cannot follow on what has happened; nothing has changed then.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), IllegalTransition> {
        match event {
            Event::ConductorTookOver { upgrade, conductor } => {
                self.id = Some(upgrade.clone());
                self.conductor = Some(conductor.clone());
                self.interrupted = None;
            }
            Event::PhaseStarted { plan, deployment } => self.start_phase(at, plan, deployment),
            Event::StepStarted { step, .. }
            | Event::StepDone { step, .. }
            | Event::StepInDoubt { step, .. }
            | Event::StepRetried { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepRetryApproved { step, .. } => self.apply_step(at, step, event)?,
            Event::GateOpened { gate } => {
                self.waiting_gates.entry(gate.clone()).or_insert(at);
            }
            Event::GateDecided(decision) => {
                self.waiting_gates.remove(&decision.gate);
                self.decisions.insert(decision.gate.clone(), decision.clone());
            }
            Event::Interrupted { because } => self.interrupted = Some(because.clone()),
            Event::PhaseFinished { phase } => {
                if let Some(run) = self.phases.get_mut(phase) {
                    run.finished_at = Some(at);
                }
            }
        }
        self.updated_at = Some(at);
        Ok(())
    }

    /// Whether `events` can follow on what has happened, one after the other. Nothing changes.
    ///
    /// # Errors
    /// When one of them cannot.
    pub fn check(&self, at: Timestamp, events: &[Event]) -> Result<(), IllegalTransition> {
        let of_phase = |event: &Event| matches!(event, Event::PhaseStarted { .. } | Event::PhaseFinished { .. });
        if events.len() > 1 && events.iter().any(of_phase) {
            let mut after = self.clone();
            return events.iter().try_for_each(|event| after.apply(at, event));
        }
        // Plans are large, and most records hold steps' events only: their statuses are all that matters then.
        let mut after: BTreeMap<&StepId, StepStatus> = BTreeMap::new();
        for event in events {
            let Some(step) = event.step() else { continue };
            let phase = self.phases.values().rev().find(|run| is_under_way(run));
            let phase = phase.ok_or_else(|| IllegalTransition::outside_a_phase(step, event))?;
            let status = after.get(step).unwrap_or_else(|| phase.status(step));
            let next = next_status(step, status, event)?;
            after.insert(step, next);
        }
        Ok(())
    }

    /// The phase that was begun last.
    #[must_use]
    pub fn current_phase(&self) -> Option<&PhaseRun> {
        self.phases.values().next_back()
    }

    /// Whether a phase has ended well.
    #[must_use]
    pub fn finished(&self, phase: Phase) -> bool {
        self.phases.get(&phase).is_some_and(|run| run.finished_at.is_some())
    }

    /// A new plan supersedes the one before. What is done stays done where the step is still the same and all that it
    /// waits for has stayed done too: what follows on something new is looked at anew.
    fn start_phase(&mut self, at: Timestamp, plan: &Plan, deployment: &Digest) {
        let before = self.phases.remove(&plan.phase);
        for (step, run) in before.iter().flat_map(PhaseRun::runs) {
            if let Action::Migrate(migrate) = &step.action
                && run.status != StepStatus::Waiting
            {
                self.migrations_begun.insert(step.id.clone(), migrate.clone());
            }
        }
        let mut steps: BTreeMap<StepId, StepRun> = BTreeMap::new();
        let before_steps: BTreeMap<&StepId, &Step> =
            before.iter().flat_map(|run| &run.plan.steps).map(|step| (&step.id, step)).collect();
        for (step, run) in plan.steps.iter().zip(before.iter().cycle()) {
            let run = run.run(&step.id);
            let same = before_steps.get(&step.id).is_some_and(|old| old.action.does_the_same(&step.action));
            // That the current hosts are on record first is an order only: nothing of a next host follows on who they are.
            let stands = |edge: &Edge| {
                edge.rule == Rule::CaptureFirst || steps.get(&edge.step).is_some_and(|before| before.status.is_done())
            };
            let kept = match same && step.waits_for.iter().all(stands) {
                true => run.clone(),
                // How often it failed still tells one run of it from another.
                false => StepRun { failures: run.failures, retries: run.retries, ..StepRun::WAITING },
            };
            if kept != StepRun::WAITING {
                steps.insert(step.id.clone(), kept);
            }
        }
        // What asked before asks again, with the new plan's hash.
        for step in &plan.steps {
            if let Action::Decide(question) = &step.action {
                self.waiting_gates.remove(&question.gate);
            }
        }
        let run = PhaseRun {
            plan: plan.clone(),
            deployment: deployment.clone(),
            started_at: before.map_or(at, |run| run.started_at),
            finished_at: None,
            steps,
        };
        self.phases.insert(plan.phase, run);
    }

    fn apply_step(&mut self, at: Timestamp, step: &StepId, event: &Event) -> Result<(), IllegalTransition> {
        let phase = self.phases.values_mut().rev().find(|run| is_under_way(run));
        let phase = phase.ok_or_else(|| IllegalTransition::outside_a_phase(step, event))?;
        let status = next_status(step, phase.status(step), event)?;
        let run = phase.steps.entry(step.clone()).or_insert(StepRun::WAITING);
        run.status = status;
        if let Event::StepRetryApproved { .. } = event {
            run.retries += 1;
            return Ok(());
        }
        match &run.status {
            StepStatus::Done { .. } => {
                run.started_at.get_or_insert(at);
                run.ended_at = Some(at);
            }
            StepStatus::Failed { .. } => {
                run.ended_at = Some(at);
                run.failures += 1;
            }
            _ => {
                run.started_at.get_or_insert(at);
                run.ended_at = None;
            }
        }
        if let Event::StepDone { facts, .. } = event {
            for fact in facts {
                self.learn(fact);
            }
        }
        Ok(())
    }

    fn learn(&mut self, fact: &Fact) {
        match fact {
            Fact::Launched { host, instance } => {
                self.launched.insert(host.clone(), instance.clone());
            }
            Fact::ImageBuilt { name, image } => {
                self.images.insert(name.clone(), image.clone());
            }
            Fact::Captured { hosts } => self.captured = Some(hosts.clone()),
            Fact::SnapshotTaken { database, snapshot } => {
                self.snapshots.insert(snapshot.clone(), database.clone());
            }
            Fact::Migrated { .. } => self.migrated.push(fact.clone()),
            Fact::Terminated { instance, .. } => {
                self.terminated.insert(instance.clone());
            }
            Fact::RecordsChanged { .. }
            | Fact::Killed { .. }
            | Fact::SiteChecked { .. }
            | Fact::Announced { .. }
            | Fact::Note { .. } => {}
        }
    }
}

fn is_under_way(run: &PhaseRun) -> bool {
    run.finished_at.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(attempt: u32) -> Event {
        Event::StepStarted { step: "s".into(), attempt }
    }

    fn done() -> Event {
        Event::StepDone { step: "s".into(), held: false, facts: Vec::new() }
    }

    fn follow(events: &[Event]) -> Result<StepStatus, IllegalTransition> {
        events.iter().try_fold(StepStatus::Waiting, |status, event| next_status(&"s".into(), &status, event))
    }

    #[test]
    fn a_step_that_is_done_stays_done() {
        for event in [started(1), done(), Event::StepFailed { step: "s".into(), error: String::new() }] {
            assert!(follow(&[started(1), done(), event]).is_err());
        }
    }

    #[test]
    fn an_outcome_without_a_start_is_illegal_unless_the_step_already_held() {
        let doubt = Event::StepInDoubt { step: "s".into(), error: String::new() };
        assert!(follow(&[doubt]).is_err());
        let held = Event::StepDone { step: "s".into(), held: true, facts: Vec::new() };
        assert_eq!(follow(&[held]), Ok(StepStatus::Done { held: true }));
    }

    #[test]
    fn a_start_after_a_crash_is_the_next_attempt() {
        assert_eq!(follow(&[started(1), started(2)]), Ok(StepStatus::Running { attempt: 2 }));
        assert!(follow(&[started(1), started(1)]).is_err(), "an attempt is begun once");
        assert!(follow(&[started(2)]).is_err(), "no attempt is left out");
    }

    #[test]
    fn doubt_ends_by_observing_or_by_another_attempt() {
        let doubt = Event::StepInDoubt { step: "s".into(), error: "lost".into() };
        assert!(follow(&[started(1), doubt.clone(), done()]).is_ok());
        assert_eq!(follow(&[started(1), doubt, started(2)]), Ok(StepStatus::Running { attempt: 2 }));
    }

    #[test]
    fn a_failed_step_can_be_tried_again() {
        let failed = Event::StepFailed { step: "s".into(), error: "no".into() };
        assert_eq!(follow(&[started(1), failed, started(2)]), Ok(StepStatus::Running { attempt: 2 }));
    }
}
