//! Hosts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::deployment::Role;
use cutover_core::names::{FleetName, HostName, ImageId, ImageName, InstanceId, ProgramName, UpgradeId};
use cutover_core::observation::{Instance, InstanceState};

use super::{Process, Program};

/// An instance and what runs on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Host {
    pub(crate) id: InstanceId,
    pub(crate) name: HostName,
    pub(crate) fleet: FleetName,
    pub(crate) role: Role,
    pub(crate) version: String,
    pub(crate) launched: Timestamp,
    pub(crate) upgrade: Option<UpgradeId>,
    pub(crate) state: InstanceState,
    pub(crate) image: ImageId,
    /// Whether it existed when the world was created, which makes it a current host.
    pub(crate) current: bool,
    /// What is built on it; nothing on a host of a fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) builds: Option<Building>,
    pub(crate) boot_stopped: bool,
    /// Whether its cron files and timers are held back, also through restarts.
    #[serde(default)]
    pub(crate) holds_back: bool,
    /// When it reaches the next state of its life cycle.
    pub(crate) due: Option<Timestamp>,
    pub(crate) programs: BTreeMap<ProgramName, Program>,
    /// The id of the last process that was started.
    pub(crate) last_process: u32,
    /// Whether it passes health checks, and since when that is so.
    pub(crate) healthy: bool,
    pub(crate) healthy_since: Timestamp,
}

/// An image that is built on an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Building {
    pub(crate) image: ImageName,
    pub(crate) token: String,
}

impl Host {
    /// Whether it is neither terminated nor shutting down.
    pub(crate) fn lives(&self) -> bool {
        !matches!(self.state, InstanceState::ShuttingDown | InstanceState::Terminated)
    }

    /// Whether `program` answers requests here.
    pub(crate) fn serves(&self, program: &ProgramName) -> bool {
        self.programs.get(program).is_some_and(|program| matches!(program, Program::Running(_)))
    }

    /// The programs that answer requests here.
    pub(crate) fn serving(&self) -> impl Iterator<Item = &ProgramName> {
        self.programs.iter().filter(|(_, program)| matches!(program, Program::Running(_))).map(|(name, _)| name)
    }

    /// A program that is not stopped, if there is one.
    pub(crate) fn unstopped(&self) -> Option<&ProgramName> {
        self.programs.iter().find(|(_, program)| **program != Program::Stopped).map(|(name, _)| name)
    }

    /// A new process, started `now`.
    pub(crate) fn process(&mut self, now: Timestamp) -> Process {
        self.last_process += 1;
        Process { id: self.last_process, since: now }
    }

    pub(crate) fn describe(&self) -> Instance {
        Instance {
            id: self.id.clone(),
            name: self.name.clone(),
            fleet: self.fleet.clone(),
            role: self.role,
            version: self.version.clone(),
            launched: self.launched,
            upgrade: self.upgrade.clone(),
            state: self.state,
            image: self.image.clone(),
        }
    }
}
