//! What can happen in an upgrade. An event is on record before anything follows from it.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::names::{
    AnnouncementName, ChangeId, DatabaseName, FleetName, GateName, HostName, ImageId, ImageName, InstanceId, SiteName,
    SnapshotId, StepId, UpgradeId,
};
use crate::plan::{CapturedHost, Phase, Plan};

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
    /// A phase was begun, or begun anew with another plan.
    PhaseStarted {
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
    /// A step has ended well.
    StepDone {
        /// The step.
        step: StepId,
        /// Whether it already held when it was looked at, so that nothing was done.
        held: bool,
        /// What it made known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        facts: Vec<Fact>,
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
    GateDecided(Decision),
    /// A conductor stopped before the phase ended.
    Interrupted {
        /// Why.
        because: String,
    },
    /// All steps of a phase have ended well.
    PhaseFinished {
        /// The phase.
        phase: Phase,
    },
}

impl Event {
    /// The step that it happened to, if it is one of a step's events.
    #[must_use]
    pub const fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepStarted { step, .. }
            | Self::StepDone { step, .. }
            | Self::StepInDoubt { step, .. }
            | Self::StepRetried { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepRetryApproved { step, .. } => Some(step),
            Self::ConductorTookOver { .. }
            | Self::PhaseStarted { .. }
            | Self::GateOpened { .. }
            | Self::GateDecided(_)
            | Self::Interrupted { .. }
            | Self::PhaseFinished { .. } => None,
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
    /// A host was launched.
    Launched {
        /// Its name.
        host: HostName,
        /// Its instance.
        instance: InstanceId,
    },
    /// An image was built.
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
    /// Programs were killed, past the stop limit.
    Killed {
        /// The host.
        host: HostName,
        /// What was killed.
        programs: Vec<crate::names::ProgramName>,
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
