//! What can happen in an upgrade. An event is on record before anything follows from it.

use serde::{Deserialize, Serialize};

use super::{RunKind, RunNumber};
use crate::digest::Digest;
use crate::names::{
    AnnouncementName, ChangeId, DatabaseName, DiskId, FleetName, GateName, HostName, ImageId, ImageName, InstanceId,
    InvalidationId, JobName, SiteName, SnapshotId, StepId, UpgradeId,
};
use crate::plan::{CapturedHost, Plan};

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
    /// A run was begun: of a phase, perhaps anew with another plan, or of the way back.
    RunStarted {
        /// Its number among all runs, from 1.
        run: RunNumber,
        /// What it is for.
        kind: RunKind,
        /// The plan, whole: a resume follows it.
        plan: Box<Plan>,
        /// The deployment file's digest.
        deployment: Digest,
    },
    /// A step is about to be done.
    StepStarted {
        /// The step.
        step: StepId,
        /// 1 the first time.
        attempt: u32,
    },
    /// A step that is under way has made something known, before its end: what is learned is on record at once.
    StepLearned {
        /// The step.
        step: StepId,
        /// What it made known.
        facts: Vec<Fact>,
    },
    /// What a step wants was already so when it was first looked at: nothing was done.
    StepHeld {
        /// The step.
        step: StepId,
        /// What was seen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        facts: Vec<Fact>,
    },
    /// A step that was begun has ended well.
    StepDone {
        /// The step.
        step: StepId,
        /// What its end made known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        facts: Vec<Fact>,
    },
    /// A step that was done has been taken back. Reserved for the way back.
    StepUndone {
        /// The step.
        step: StepId,
    },
    /// A person has said that a step of which nobody can tell whether it was done is to be taken for done.
    StepAccepted {
        /// The step.
        step: StepId,
        /// Who said so.
        by: String,
        /// Why.
        because: String,
    },
    /// It is not known whether a step's call worked.
    StepInDoubt {
        /// The step.
        step: StepId,
        /// What was answered, if anything.
        error: String,
    },
    /// A step's call is known not to have been applied, and will be made again.
    StepRetried {
        /// The step.
        step: StepId,
        /// What was answered.
        error: String,
    },
    /// A step has failed. Running the phase again tries it again.
    StepFailed {
        /// The step.
        step: StepId,
        /// What failed, on what, and what is known about the world now.
        error: String,
        /// Whether it may have been done all the same, and nobody can look.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_doubt: bool,
        /// Whether it is known that nothing was changed: the call was refused, or was not made.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        changed_nothing: bool,
    },
    /// Somebody has looked at a failed step that is never tried again by itself, and wants it tried again.
    StepRetryApproved {
        /// The step.
        step: StepId,
        /// Who wants it.
        by: String,
    },
    /// A gate waits for a decision.
    GateOpened {
        /// The gate.
        gate: GateName,
    },
    /// A person decided.
    GateDecided {
        /// What was decided.
        #[serde(flatten)]
        decision: Decision,
        /// The last object of the inbox that is settled by it: the one that held it, or one that a typed decision has
        /// overtaken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<String>,
    },
    /// A conductor stopped before the phase ended.
    Interrupted {
        /// Why.
        because: String,
    },
    /// All steps of a run have ended well.
    RunFinished {
        /// Which run.
        run: RunNumber,
    },
}

impl Event {
    /// The step that it happened to, if it is one of a step's events.
    #[must_use]
    pub const fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepStarted { step, .. }
            | Self::StepLearned { step, .. }
            | Self::StepHeld { step, .. }
            | Self::StepDone { step, .. }
            | Self::StepUndone { step }
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
            | Self::RunFinished { .. } => None,
        }
    }

    /// What the event makes known about the world.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        match self {
            Self::StepLearned { facts, .. } | Self::StepHeld { facts, .. } | Self::StepDone { facts, .. } => facts,
            _ => &[],
        }
    }
}

/// A person's decision at a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The gate.
    pub gate: GateName,
    /// Whether the upgrade may go on.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: jiff::Timestamp,
    /// In their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The plan that was decided on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
}

/// What a step made known about the world.
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
    /// An image is being built, or was.
    ImageBuilt {
        /// Its name.
        name: ImageName,
        /// Its id.
        image: ImageId,
    },
    /// The current hosts are on record.
    Captured {
        /// All of them.
        hosts: Vec<CapturedHost>,
    },
    /// Records were changed.
    RecordsChanged {
        /// Route 53's id of the change.
        change: ChangeId,
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
    },
    /// Programs were to be killed, past the stop limit. On record before they are, so that no kill goes unsaid.
    Killed {
        /// The host.
        host: HostName,
        /// What was killed.
        programs: Vec<crate::names::ProgramName>,
    },
    /// The distribution was told to forget what it has cached.
    Invalidated {
        /// CloudFront's id of it.
        invalidation: InvalidationId,
        /// What makes asking twice asking once.
        reference: String,
    },
    /// A job has begun on a host, or may have: nothing of it is begun again without consent.
    Job {
        /// The host.
        host: HostName,
        /// The job.
        job: JobName,
        /// Whether the host has said that it started it. Otherwise it was found there, or the answer was lost.
        started: bool,
    },
    /// An image is to be removed, which leaves these snapshots of its disks.
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
    /// A site answered as it must.
    SiteChecked {
        /// The site.
        site: SiteName,
    },
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
    /// Anything else worth reading.
    Note {
        /// In words.
        text: String,
    },
}
