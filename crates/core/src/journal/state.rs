//! What has happened according to the journal: the fold of its events, by one transition function that live runs,
//! resumed runs and rehearsals share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::step::WAITING;
use super::{
    Answered, Decision, Event, Fact, IllegalTransition, OldCode, OutdatedSnapshots, Record, Run, RunKind, RunNumber,
    StepRun, StepStatus, Traces, next_status,
};
use crate::digest::Digest;
use crate::names::{
    DatabaseName, FleetName, GateName, HostName, ImageId, ImageName, InstanceId, SiteName, SnapshotId, StepId,
    UpgradeId,
};
use crate::plan::{Action, CapturedHost, Migrate, Phase, Plan};
use crate::rows::RowCounts;

/// Everything that the journal says about an upgrade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Upgrade {
    /// Which upgrade it is; nothing while the journal is empty.
    pub id: Option<UpgradeId>,
    /// Who conducts it, or was the last to conduct it.
    pub conductor: Option<String>,
    /// The highest epoch of a conductor with something on record. No host has seen a higher one of this upgrade, because what
    /// is done to hosts is on record before.
    #[serde(default)]
    pub epoch: u64,
    /// The time of the last record.
    pub updated_at: Option<Timestamp>,
    /// The runs, in the order in which they began.
    pub runs: Vec<Run>,
    /// Why the last conductor stopped early; nothing while one is at work, or when it ended normally.
    pub interrupted: Option<String>,
    /// The current hosts, once they are recorded.
    pub captured: Option<Vec<CapturedHost>>,
    /// The hosts that the upgrade launched.
    pub launched: BTreeMap<HostName, InstanceId>,
    /// The images that the upgrade built.
    pub images: BTreeMap<ImageName, ImageId>,
    /// The snapshots that the upgrade took.
    pub snapshots: BTreeMap<SnapshotId, DatabaseName>,
    /// The snapshots that were begun, or may have been.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub begun_snapshots: BTreeMap<SnapshotId, DatabaseName>,
    /// Those of them that may lack what was written before the databases were migrated. When an operator lets the upgrade go
    /// on with a snapshot as it is, it is none of these any more.
    #[serde(default, skip_serializing_if = "OutdatedSnapshots::is_empty")]
    pub outdated_snapshots: OutdatedSnapshots,
    /// Old code that was found running although the migrations of its fleet had begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_code: Vec<OldCode>,
    /// What is left on hosts that only people can do, in the order in which it was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_do: Vec<(HostName, String)>,
    /// The files of supervisor's in which an order has turned `autostart` off, by host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held_files: BTreeMap<HostName, BTreeSet<String>>,
    /// How many tasks in the queues of a fleet an operator leaves to the next hosts, in the window with this start.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accepted_tasks: BTreeMap<FleetName, u64>,
    /// The migrations that were started by plans that have been superseded since: a new plan does not undo them.
    #[serde(default)]
    pub started_migrations: BTreeMap<StepId, Migrate>,
    /// The migration commands that ran, with how many migrations each applied.
    pub migrated: Vec<Fact>,
    /// How many rows tables had before the migrations and after them, by database instance.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<DatabaseName, RowCounts>,
    /// What each site answered before the window.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub baselines: BTreeMap<SiteName, Answered>,
    /// What each site answered in its last soak.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub soaked: BTreeMap<SiteName, Answered>,
    /// The old hosts that the upgrade terminated.
    pub terminated: BTreeSet<InstanceId>,
    /// The hosts that a window needed and that were gone when a step of it failed.
    #[serde(default)]
    pub gone: BTreeSet<InstanceId>,
    /// How what programs of a host have started is recognised, where nothing else shows it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub traces: BTreeMap<InstanceId, Traces>,
    /// The gates that wait for a decision, and since when.
    pub waiting_gates: BTreeMap<GateName, Timestamp>,
    /// The last decision at each gate.
    pub decisions: BTreeMap<GateName, Decision>,
    /// The last object in the inbox whose decision is recorded, for each gate.
    #[serde(default)]
    pub delivered: BTreeMap<GateName, String>,
}

impl Upgrade {
    /// The state after `records`, starting from the empty state.
    ///
    /// # Errors
    /// When an event cannot follow the ones before it.
    pub fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, IllegalTransition> {
        let mut upgrade = Self::default();
        for record in records {
            upgrade.epoch = upgrade.epoch.max(record.epoch);
            for event in &record.events {
                upgrade.apply(record.at, event)?;
            }
        }
        Ok(upgrade)
    }

    /// Applies an event.
    ///
    /// # Errors
    /// When it cannot follow what has happened; then the state is unchanged.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), IllegalTransition> {
        match event {
            Event::ConductorTookOver { upgrade, conductor } => {
                self.id = Some(upgrade.clone());
                self.conductor = Some(conductor.clone());
                self.interrupted = None;
            }
            Event::RunStarted { run, kind, plan, deployment } => {
                self.start_run(at, *run, *kind, plan, deployment).map_err(|status| illegal(*run, status, event))?;
            }
            Event::StepStarted { step, .. }
            | Event::StepLearned { step, .. }
            | Event::StepHeld { step, .. }
            | Event::StepDone { step, .. }
            | Event::StepUndone { step, .. }
            | Event::StepOutdated { step }
            | Event::StepAccepted { step, .. }
            | Event::StepInDoubt { step, .. }
            | Event::StepRetried { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepRetryApproved { step, .. } => self.apply_step(at, step, event)?,
            Event::GateOpened { gate } => {
                self.waiting_gates.entry(gate.clone()).or_insert(at);
            }
            Event::GateDecided { decision, object } => {
                self.waiting_gates.remove(&decision.gate);
                self.decisions.insert(decision.gate.clone(), decision.clone());
                self.delivered.extend(object.clone().map(|object| (decision.gate.clone(), object)));
            }
            Event::Interrupted { because } => self.interrupted = Some(because.clone()),
            Event::FoundDone { host, text } => self.left_to_do.retain(|left| (&left.0, &left.1) != (host, text)),
            Event::RunFinished { run } => {
                self.finish_run(at, *run).map_err(|status| illegal(*run, status, event))?;
            }
        }
        self.updated_at = Some(at);
        Ok(())
    }

    /// Checks whether `events` can follow what has happened, one after the other. Nothing changes.
    ///
    /// # Errors
    /// When one of them cannot.
    pub fn check(&self, at: Timestamp, events: &[Event]) -> Result<(), IllegalTransition> {
        // Plans are large, and a run's beginning and end are mostly recorded alone: then nothing needs to be copied.
        match events {
            [event @ Event::RunStarted { run, kind, plan, .. }] => {
                return self.may_start(*run, *kind, plan).map_err(|status| illegal(*run, status, event));
            }
            [event @ Event::RunFinished { run }] => {
                return self.may_finish(*run).map_err(|status| illegal(*run, status, event));
            }
            _ => {}
        }
        let of_run = |event: &Event| matches!(event, Event::RunStarted { .. } | Event::RunFinished { .. });
        if events.iter().any(of_run) {
            let mut after = self.clone();
            return events.iter().try_for_each(|event| after.apply(at, event));
        }
        // Most records hold steps' events only: their statuses are all that matters then.
        let mut after: BTreeMap<&StepId, StepStatus> = BTreeMap::new();
        for event in events {
            let Some(step) = event.step() else { continue };
            let run = self.run_under_way().ok_or_else(|| no_run(step, event))?;
            let status = after.get(step).unwrap_or_else(|| run.status(step));
            let next = next_status(step, status, event)?;
            after.insert(step, next);
        }
        Ok(())
    }

    /// The instance of a host, if it is one that the upgrade has launched or recorded as current.
    #[must_use]
    pub fn instance(&self, host: &HostName) -> Option<&InstanceId> {
        let current = self.captured.iter().flatten().find(|current| current.name == *host);
        self.launched.get(host).or(current.map(|current| &current.instance))
    }

    /// The run that was started last.
    #[must_use]
    pub fn current_run(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// The run that was started last, unless all its steps have succeeded.
    #[must_use]
    pub fn run_under_way(&self) -> Option<&Run> {
        self.current_run().filter(|run| run.is_under_way())
    }

    /// The last run of a phase.
    #[must_use]
    pub fn run_of(&self, phase: Phase) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.kind == RunKind::from(phase))
    }

    /// The last run of each phase that was started, in the order of phases.
    pub fn last_runs(&self) -> impl Iterator<Item = &Run> {
        Phase::ALL.into_iter().filter_map(|phase| self.run_of(phase))
    }

    /// The status of a step in the run that was started last. A step without any record is waiting.
    #[must_use]
    pub fn step_run(&self, step: &StepId) -> &StepRun {
        self.current_run().map_or(&WAITING, |run| run.run(step))
    }

    /// Whether a phase has succeeded.
    #[must_use]
    pub fn finished(&self, phase: Phase) -> bool {
        self.run_of(phase).is_some_and(|run| !run.is_under_way())
    }

    /// Whether a run can begin now; if not, why.
    fn may_start(&self, number: RunNumber, kind: RunKind, plan: &Plan) -> Result<(), String> {
        let next = self.next_run();
        if number != next {
            return Err(format!("the next run is {next}"));
        }
        match kind.phase() {
            Some(phase) if phase != plan.phase => Err(format!("its plan is of phase {}", plan.phase)),
            _ => Ok(()),
        }
    }

    /// Whether the run under way can end now; if not, why.
    fn may_finish(&self, number: RunNumber) -> Result<(), String> {
        let run = self.runs.last().filter(|run| run.number == number && run.is_under_way());
        let run = run.ok_or("a run that is not under way")?;
        match run.runs().find(|(_, step)| !step.status.is_done()) {
            Some((step, left)) => Err(format!("step {} is {:?}", step.id, left.status)),
            None => Ok(()),
        }
    }

    /// A new plan supersedes the one before.
    fn start_run(
        &mut self,
        at: Timestamp,
        number: RunNumber,
        kind: RunKind,
        plan: &Arc<Plan>,
        deployment: &Digest,
    ) -> Result<(), String> {
        self.may_start(number, kind, plan)?;
        // After a rollback, nothing is carried over from the runs before it.
        let since_back = self.runs.iter().rev().take_while(|run| run.kind != RunKind::Rollback);
        let before = since_back.into_iter().find(|run| run.kind == kind);
        for (step, run) in before.into_iter().flat_map(Run::runs) {
            if let Action::Migrate(migrate) = &step.action
                && !run.status.is_untouched()
            {
                self.started_migrations.insert(step.id.clone(), migrate.clone());
            }
        }
        if kind == RunKind::Window && before.is_some_and(|before| before.plan.window_start() != plan.window_start()) {
            self.accepted_tasks.clear();
        }
        // Gates that waited ask again, with the new plan's hash. Those of another phase do too: it is planned again.
        self.waiting_gates.clear();
        let run = Run::begin(number, kind, at, plan, deployment, before);
        self.runs.push(run);
        Ok(())
    }

    /// The number of the next run.
    #[must_use]
    pub fn next_run(&self) -> RunNumber {
        RunNumber(u32::try_from(self.runs.len()).unwrap_or(u32::MAX).saturating_add(1))
    }

    fn finish_run(&mut self, at: Timestamp, number: RunNumber) -> Result<(), String> {
        self.may_finish(number)?;
        if let Some(run) = self.runs.last_mut() {
            run.finished_at = Some(at);
        }
        Ok(())
    }

    fn apply_step(&mut self, at: Timestamp, step: &StepId, event: &Event) -> Result<(), IllegalTransition> {
        let run = self.runs.last_mut().filter(|run| run.is_under_way()).ok_or_else(|| no_run(step, event))?;
        let status = next_status(step, run.status(step), event)?;
        run.steps.entry(step.clone()).or_default().follow(at, status, event);
        for fact in event.facts() {
            self.learn(fact);
            let current = self.captured.as_deref().unwrap_or_default();
            self.old_code.extend(OldCode::of(at, fact, current, &self.runs));
        }
        if matches!(event, Event::StepRetryApproved { .. }) {
            self.accept_snapshots(step);
            self.accept_tasks(step);
        }
        Ok(())
    }

    /// An operator lets a step that was not done because of waiting tasks leave them to the next hosts.
    fn accept_tasks(&mut self, step: &StepId) {
        let facts = self.runs.last().map(|run| run.run(step).facts.as_slice()).unwrap_or_default();
        let left = facts.iter().filter_map(|fact| match fact {
            Fact::TasksLeft { fleet, tasks } => Some((fleet.clone(), *tasks)),
            _ => None,
        });
        self.accepted_tasks.extend(left.collect::<Vec<_>>());
    }

    /// An operator lets a step that was not done because of snapshots go on with them, although what it has named was found
    /// running.
    fn accept_snapshots(&mut self, step: &StepId) {
        let Some(run) = self.runs.last_mut() else { return };
        let outdated = &mut self.outdated_snapshots;
        for fact in &run.run(step).facts {
            if let Fact::SnapshotsLack { snapshots, found } = fact {
                outdated.accept(snapshots, found);
            }
        }
        run.steps.values_mut().for_each(|step| step.facts.retain(|fact| is_open(outdated, fact)));
    }

    /// Keeps once what is left to do on a host.
    fn leave_to_do(&mut self, host: &HostName, text: &str) {
        let left = (host.clone(), text.to_owned());
        if !self.left_to_do.contains(&left) {
            self.left_to_do.push(left);
        }
    }

    /// Keeps once what became of a migration.
    fn migrate(&mut self, fact: &Fact) {
        if !self.migrated.contains(fact) {
            self.migrated.push(fact.clone());
        }
    }

    fn hold_files(&mut self, host: &HostName, files: &[String]) {
        self.held_files.entry(host.clone()).or_default().extend(files.iter().cloned());
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
            Fact::SnapshotBegun { database, snapshot } => {
                self.begun_snapshots.insert(snapshot.clone(), database.clone());
            }
            Fact::SnapshotTaken { database, snapshot } => {
                self.begun_snapshots.insert(snapshot.clone(), database.clone());
                self.snapshots.insert(snapshot.clone(), database.clone());
            }
            Fact::Migrated { .. } | Fact::Faked { .. } => self.migrate(fact),
            Fact::Rows { database, when, tables } => {
                self.rows.entry(database.clone()).or_default().keep(*when, tables);
            }
            Fact::Baseline(answered) => {
                self.baselines.insert(answered.site.clone(), answered.clone());
            }
            Fact::Soaked(answered) => {
                self.soaked.insert(answered.site.clone(), answered.clone());
            }
            Fact::Terminated { instance, .. } => {
                self.terminated.insert(instance.clone());
            }
            Fact::Gone { instance, .. } => {
                self.gone.insert(instance.clone());
            }
            Fact::Traced { instance, traces } => self.traces.entry(instance.clone()).or_default().add(traces),
            Fact::HeldFiles { host, files } => self.hold_files(host, files),
            Fact::LeftToDo { host, text, .. } => self.leave_to_do(host, text),
            Fact::RanAgain { host, programs, snapshots } => self.outdated_snapshots.found(host, programs, snapshots),
            Fact::RecordsChanged { .. }
            | Fact::InSync { .. }
            | Fact::DnsAnswer(_)
            | Fact::TtlPassed { .. }
            | Fact::RunningTasks { .. }
            | Fact::LateRequests(_)
            | Fact::Pending { .. }
            | Fact::Statements { .. }
            | Fact::Applied { .. }
            | Fact::Slow { .. }
            | Fact::Shown { .. }
            | Fact::PastLimit { .. }
            | Fact::Signalled { .. }
            | Fact::Killed { .. }
            | Fact::Invalidated { .. }
            | Fact::Job { .. }
            | Fact::JobFailed { .. }
            | Fact::Order { .. }
            | Fact::ImageDisks { .. }
            | Fact::DisksRemoved { .. }
            | Fact::Builder { .. }
            | Fact::Provisioned { .. }
            | Fact::Packing { .. }
            | Fact::BuildOutput { .. }
            | Fact::Identity { .. }
            | Fact::SiteChecked { .. }
            | Fact::WriteChecked { .. }
            | Fact::Announced { .. }
            | Fact::SnapshotsLack { .. }
            | Fact::TasksLeft { .. }
            | Fact::Unseen { .. }
            | Fact::UnknownSessions { .. }
            | Fact::UnrelatedSessions { .. }
            | Fact::Note { .. } => {}
        }
    }
}

/// Whether a fact is about something to which nobody has consented. What is settled is a new fact if it is found once more.
fn is_open(outdated: &OutdatedSnapshots, fact: &Fact) -> bool {
    match fact {
        Fact::RanAgain { host, programs, snapshots } if !snapshots.is_empty() => {
            let found = outdated.behind(snapshots);
            found.get(host).is_some_and(|left| programs.iter().any(|program| left.contains(program)))
        }
        Fact::SnapshotsLack { snapshots, .. } => snapshots.iter().any(|id| outdated.contains(id)),
        _ => true,
    }
}

fn illegal(run: RunNumber, status: String, event: &Event) -> IllegalTransition {
    IllegalTransition::new(format!("run {run}"), status, event)
}

fn no_run(step: &StepId, event: &Event) -> IllegalTransition {
    IllegalTransition::new(format!("step {step}"), "no run under way", event)
}
