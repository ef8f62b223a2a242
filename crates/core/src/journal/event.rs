//! What can happen in an upgrade. An event is recorded in the journal before anything else is done because of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Answered, Applying, Decision, DnsAnswer, FoundRunning, LateRequests, Moved, PageSeen, Ran, RunKind, RunNumber,
    RunningTask, Traces,
};
use crate::deployment::PastLimit;
use crate::digest::Digest;
use crate::names::{
    AnnouncementName, ChangeId, DatabaseName, DiskId, FleetName, GateName, HostName, ImageId, ImageName, InstanceId,
    InvalidationId, JobName, MigrationName, SiteName, SnapshotId, StepId, UpgradeId,
};
use crate::packing::PackerMachine;
use crate::plan::{CapturedHost, Plan};
use crate::rows::{CountedWhen, TableRows};
use crate::time::seconds;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A conductor took the upgrade over: the first event of every epoch.
    ConductorTookOver {
        /// The upgrade.
        upgrade: UpgradeId,
        /// Who runs it: `user@machine`.
        conductor: String,
    },
    /// A run was started: of a phase, possibly again with a new plan, or of a rollback.
    RunStarted {
        /// The run's number, counted from 1 over all runs.
        run: RunNumber,
        /// What it is for.
        kind: RunKind,
        /// The complete plan: a resumed run follows it. Records, runs and readers share it.
        plan: Arc<Plan>,
        /// The deployment file's digest.
        deployment: Digest,
    },
    /// A step is about to be carried out.
    StepStarted {
        /// The step.
        step: StepId,
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    /// A step that is under way has learned something before its end. It is recorded at once.
    StepLearned {
        /// The step.
        step: StepId,
        /// What was learned.
        facts: Vec<Fact>,
    },
    /// The step was already done when it was first observed, so nothing was changed.
    StepHeld {
        /// The step.
        step: StepId,
        /// What was observed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        facts: Vec<Fact>,
    },
    /// A step that was started has succeeded.
    StepDone {
        /// The step.
        step: StepId,
        /// What was learned when it ended.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        facts: Vec<Fact>,
    },
    /// A step that was done has been undone. Reserved for rollbacks.
    StepUndone {
        /// The step.
        step: StepId,
    },
    /// What a step has found is too old to be relied on: another process goes on, and makes the step again.
    StepOutdated {
        /// The step.
        step: StepId,
    },
    /// Nobody can tell whether a step was done, and a person has decided to treat it as done.
    StepAccepted {
        /// The step.
        step: StepId,
        /// Who decided.
        by: String,
        /// Why.
        because: String,
    },
    /// It is not known whether a step's call took effect.
    StepInDoubt {
        /// The step.
        step: StepId,
        /// The answer, if there was one.
        error: String,
    },
    /// A step's call is known not to have been applied, and will be made again.
    StepRetried {
        /// The step.
        step: StepId,
        /// The answer.
        error: String,
    },
    /// A step has failed. Running the phase again tries it again.
    StepFailed {
        /// The step.
        step: StepId,
        /// What failed, on which resource, and what is known about the world now.
        error: String,
        /// Whether the step may have been done all the same, and nothing can be observed that would show it; or whether a
        /// person has to judge what it has found.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_doubt: bool,
        /// Whether it is known that nothing was changed: the call was refused, or was not made.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        changed_nothing: bool,
    },
    /// An operator has approved another attempt at a failed step that is never retried automatically.
    StepRetryApproved {
        /// The step.
        step: StepId,
        /// Who approved it.
        by: String,
    },
    /// A gate waits for a decision.
    GateOpened {
        /// The gate.
        gate: GateName,
    },
    /// A person has decided at a gate.
    GateDecided {
        /// The decision.
        #[serde(flatten)]
        decision: Decision,
        /// The last object in the inbox that this decision settles: the one that contained it or, for a decision typed
        /// at the terminal, one that it supersedes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<String>,
    },
    /// A conductor stopped before the phase ended.
    Interrupted {
        /// Why.
        because: String,
    },
    /// What was left to do on a host (`Fact::LeftToDo`) has been done by people since.
    FoundDone {
        /// The host.
        host: HostName,
        /// What it was, in the words of that fact.
        text: String,
    },
    /// All steps of a run have succeeded.
    RunFinished {
        /// Which run.
        run: RunNumber,
    },
}

impl Event {
    /// The step that the event belongs to, if any.
    #[must_use]
    pub const fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepStarted { step, .. }
            | Self::StepLearned { step, .. }
            | Self::StepHeld { step, .. }
            | Self::StepDone { step, .. }
            | Self::StepUndone { step }
            | Self::StepOutdated { step }
            | Self::StepAccepted { step, .. }
            | Self::StepInDoubt { step, .. }
            | Self::StepRetried { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepRetryApproved { step, .. } => Some(step),
            Self::ConductorTookOver { .. }
            | Self::RunStarted { .. }
            | Self::GateOpened { .. }
            | Self::GateDecided { .. }
            | Self::Interrupted { .. }
            | Self::FoundDone { .. }
            | Self::RunFinished { .. } => None,
        }
    }

    /// What the event says about the world.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        match self {
            Self::StepLearned { facts, .. } | Self::StepHeld { facts, .. } | Self::StepDone { facts, .. } => facts,
            _ => &[],
        }
    }
}

impl Fact {
    /// Whether it says what an attempt was not done for, which says nothing about the next one.
    #[must_use]
    pub const fn is_of_one_attempt(&self) -> bool {
        matches!(self, Self::SnapshotsLack { .. } | Self::TasksLeft { .. } | Self::Unseen { .. })
    }
}

/// Something that a step learned about the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// A host was launched. It may not have booted yet, and may never.
    Launched {
        /// Its name.
        host: HostName,
        /// Its instance.
        instance: InstanceId,
    },
    /// An image is being built, or has been built.
    ImageBuilt {
        /// Its name.
        name: ImageName,
        /// Its id.
        image: ImageId,
    },
    /// An instance was launched to build an image on.
    Builder {
        /// The image's name.
        image: ImageName,
        /// The instance.
        instance: InstanceId,
    },
    /// All commands of a builder have succeeded, and nothing that belongs to one host only is left on it.
    Provisioned {
        /// The builder.
        instance: InstanceId,
    },
    /// Packer is about to be started. Only that machine can tell whether it runs.
    Packing {
        /// The token of the build.
        token: String,
        /// The machine.
        machine: PackerMachine,
    },
    /// What a build has printed last.
    BuildOutput {
        /// The token of the build.
        token: String,
        /// The lines, oldest first.
        lines: Vec<String>,
        /// How many lines were printed before them.
        before: u64,
    },
    /// By what a next host is told from others: a digest of each thing, by its name.
    Identity {
        /// The host.
        host: HostName,
        /// Its instance.
        instance: InstanceId,
        /// The digests.
        digests: BTreeMap<String, String>,
    },
    /// The current hosts were recorded.
    Captured {
        /// All of them.
        hosts: Vec<CapturedHost>,
    },
    /// Records were changed.
    RecordsChanged {
        /// Route 53's id of the change.
        change: ChangeId,
    },
    /// Route 53 says that a change is in sync on all servers of the zone.
    InSync {
        /// The change.
        change: ChangeId,
    },
    /// A server began to answer with the new targets of a change for all its names, or ceased to.
    DnsAnswer(DnsAnswer),
    /// The time for which resolvers may keep the answer from before a change has passed.
    TtlPassed {
        /// How long that is.
        #[serde(rename = "ttl_seconds", with = "seconds")]
        ttl: Duration,
    },
    /// A snapshot is about to be begun. It holds what was written before that.
    SnapshotBegun {
        /// Of which database instance.
        database: DatabaseName,
        /// Its identifier.
        snapshot: SnapshotId,
    },
    /// A snapshot is available.
    SnapshotTaken {
        /// Of which database instance.
        database: DatabaseName,
        /// Its identifier.
        snapshot: SnapshotId,
    },
    /// Migrations ran.
    Migrated {
        /// The fleet.
        fleet: FleetName,
        /// The service.
        service: String,
        /// The database alias.
        database: String,
        /// How many were applied; 0 when none was pending.
        applied: u32,
        /// Which they were, in the order in which they were applied.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ran: Vec<Ran>,
        /// The last migrations of each app that has changed, before and after.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        moved: Vec<Moved>,
        /// The most memory that a job had at a time, in bytes, where the host can tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peak_memory: Option<u64>,
    },
    /// What a job is about to apply, right before it is started.
    Pending {
        /// The job.
        job: JobName,
        /// The pending migrations, in the order in which they are listed.
        migrations: Vec<MigrationName>,
        /// The last applied migration of each app of theirs, without the app; `zero` if there is none.
        at: BTreeMap<String, String>,
    },
    /// The statements of a pending migration, as `sqlmigrate` has printed them before anything was migrated.
    Statements {
        /// The host that was asked.
        instance: InstanceId,
        /// The migration.
        migration: MigrationName,
        /// What it has printed.
        sql: String,
    },
    /// How far a job is that migrates. It is recorded whenever migrations have ended since the last look at the job.
    Applied {
        /// The job.
        job: JobName,
        /// The migrations that have ended since.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ran: Vec<Ran>,
        /// The one that it applies now, if one has begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        now: Option<Applying>,
    },
    /// A migration was recorded as applied, and was not run.
    Faked {
        /// The fleet.
        fleet: FleetName,
        /// The migration, with its app.
        migration: MigrationName,
        /// Why, as the file said.
        reason: String,
    },
    /// What celery's workers were running when they were about to be told to stop. After that they do not answer.
    RunningTasks {
        /// The host.
        host: HostName,
        /// The tasks.
        tasks: Vec<RunningTask>,
        /// How many programs ran there of which no worker answered, so that their tasks are not known.
        #[serde(default)]
        silent: usize,
    },
    /// How many requests of visitors had arrived at a current host in the minute before its services were told to stop, although
    /// their resolvers must have noticed that it is not there any more.
    LateRequests(LateRequests),
    /// Programs are about to be killed, because the stop limit has passed. This is recorded before the kill, so that no
    /// kill is missing from the journal.
    Killed {
        /// The host.
        host: HostName,
        /// The programs; none if only processes were left of which it is not known to which program they belonged.
        programs: Vec<crate::names::ProgramName>,
        /// The tasks that they were running, as far as celery has named them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tasks: Vec<RunningTask>,
    },
    /// The distribution was asked to drop its cached pages.
    Invalidated {
        /// CloudFront's id of the invalidation.
        invalidation: InvalidationId,
        /// The token that makes a repeated request the same request.
        reference: String,
    },
    /// A job has started on a host, or may have. It is not started again without an operator's consent.
    Job {
        /// The host.
        host: HostName,
        /// The job.
        job: JobName,
        /// Whether the host has confirmed that it started the job. Otherwise the job was found there, or the answer was
        /// lost.
        started: bool,
    },
    /// A job that migrates has run for longer than usual. This is told once.
    Slow {
        /// The job.
        job: JobName,
        /// How long it has run.
        #[serde(rename = "ran_seconds", with = "seconds")]
        ran: Duration,
        /// How long its step usually takes.
        #[serde(rename = "usual_seconds", with = "seconds")]
        usual: Duration,
        /// How long it may take.
        #[serde(rename = "limit_seconds", with = "seconds")]
        limit: Duration,
        /// What happens then.
        past_limit: PastLimit,
    },
    /// A job that migrates is about to be told to end, and to be killed if it does not, because its limit has passed. This is
    /// recorded before.
    PastLimit {
        /// The host.
        host: HostName,
        /// The job.
        job: JobName,
        /// How long it was allowed to take.
        #[serde(rename = "limit_seconds", with = "seconds")]
        limit: Duration,
    },
    /// What is known of the signal that was to end a job whose limit has passed. Without this fact it may have arrived.
    Signalled {
        /// The job.
        job: JobName,
        /// Whether it has arrived. Otherwise it has certainly not: it was refused, or the job had ended by itself.
        arrived: bool,
    },
    /// What the database shows of a migration that has not ended well: which of its statements have taken effect.
    Shown {
        /// The job.
        job: JobName,
        /// The migration.
        migration: MigrationName,
        /// The comparison in words, or why it is not known.
        words: String,
    },
    /// A job has ended without doing everything, or its host has no record of it, and the failure of its step says so. Only now
    /// an operator's consent to another run counts: before that, the job may still run.
    JobFailed {
        /// The host.
        host: HostName,
        /// The job.
        job: JobName,
    },
    /// A host is given an order by this job: for supervisor, for what else writes, or to run commands of the file. Nothing
    /// depends on the job: the host shows what came of it.
    Order {
        /// The host.
        instance: InstanceId,
        /// The job.
        job: JobName,
    },
    /// Programs on a host are about to be told to stop, and this is how what they have started is recognised afterwards, where
    /// nothing else shows it.
    Traced {
        /// The host.
        instance: InstanceId,
        /// What they have started.
        traces: Traces,
    },
    /// Files of supervisor's on a host in which `autostart` is off now, because an order has turned it off.
    HeldFiles {
        /// The host.
        host: HostName,
        /// Their paths, without links.
        files: Vec<String>,
    },
    /// An image is about to be removed. These snapshots of its disks will remain.
    ImageDisks {
        /// The image.
        image: ImageId,
        /// The snapshots of its disks.
        disks: Vec<DiskId>,
    },
    /// The snapshots of a removed image's disks are removed.
    DisksRemoved {
        /// The image.
        image: ImageId,
    },
    /// The rows of tables were counted.
    Rows {
        /// The database instance.
        database: DatabaseName,
        /// Before its migrations, or after them.
        when: CountedWhen,
        /// The tables.
        tables: Vec<TableRows>,
    },
    /// A site passed its checks.
    SiteChecked {
        /// The site.
        site: SiteName,
        /// What was seen of each page. (Journals of earlier versions do not have it.)
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pages: Vec<PageSeen>,
        /// When the certificate ends that was presented, if that could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        certificate_until: Option<jiff::Timestamp>,
    },
    /// A write on a fleet's new site has worked.
    WriteChecked {
        /// The fleet.
        fleet: FleetName,
        /// The name of the check in the deployment file.
        check: String,
    },
    /// What a site answered before the window.
    Baseline(Answered),
    /// What a site answered in a soak, from its begin to its end.
    Soaked(Answered),
    /// A message was sent.
    Announced {
        /// The announcement.
        announcement: AnnouncementName,
    },
    /// A host was terminated.
    Terminated {
        /// Its name.
        host: HostName,
        /// Its instance.
        instance: InstanceId,
    },
    /// A host that the window needs is gone: it has to be planned again.
    Gone {
        /// Its name.
        host: HostName,
        /// Its instance.
        instance: InstanceId,
    },
    /// Something is left on a host that only people can do. The upgrade does not wait for it.
    LeftToDo {
        /// The host.
        host: HostName,
        /// What, and how, as sentences.
        text: String,
        /// The job of which something goes on there, if that is what is left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        job: Option<JobName>,
    },
    /// Programs that must be stopped were found running, on hosts on which they had been stopped before or after a
    /// snapshot was begun. Whether they are stopped once more is not said yet.
    RanAgain {
        /// The host.
        host: HostName,
        /// The programs; none if it was something else that supervisor had started.
        programs: Vec<crate::names::ProgramName>,
        /// The snapshots, begun already, that may lack what these programs have written.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        snapshots: Vec<SnapshotId>,
    },
    /// Sessions that something has opened with `su` go on on a host on which programs must be stopped. They may be of these
    /// programs.
    UnknownSessions {
        /// The host.
        host: HostName,
        /// The oldest process, the user and the begin of each, in words.
        sessions: Vec<String>,
    },
    /// Sessions that something has opened with `su` go on on a host on which programs must be stopped, and the deployment file
    /// says that they do not belong to the site.
    UnrelatedSessions {
        /// The host.
        host: HostName,
        /// As those of `UnknownSessions`.
        sessions: Vec<String>,
    },
    /// A step is not done because these snapshots lack something. An operator's `--retry` of it goes on with them.
    SnapshotsLack {
        /// The snapshots.
        snapshots: Vec<SnapshotId>,
        /// The programs that were found running after they had been begun, by host. The consent is to no others.
        #[serde(default, skip_serializing_if = "FoundRunning::is_empty")]
        found: FoundRunning,
    },
    /// Tasks wait in the queues of a fleet, and a step is not done because of them. An operator's `--retry` of it leaves so
    /// many to the next hosts.
    TasksLeft {
        /// The fleet.
        fleet: FleetName,
        /// How many.
        tasks: u64,
    },
    /// A host on which nothing may run could not be looked at. A step is not done because of it, unless an operator's `--retry`
    /// of it lets it go on without that look.
    Unseen {
        /// The host.
        host: HostName,
        /// Why it could not.
        why: String,
    },
    /// Anything else worth reading.
    Note {
        /// The text.
        text: String,
    },
}
