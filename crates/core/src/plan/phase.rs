//! The phases of an upgrade, the orders that a plan can have, and the lanes that its steps are shown in.

use serde::{Deserialize, Serialize};

use crate::names::FleetName;

/// A part of an upgrade, run by the command of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Tell people, and date the maintenance page.
    Announce,
    /// Images, next hosts, smoke tests; nothing that visitors notice.
    Prepare,
    /// From the maintenance page to the new release.
    Window,
    /// Terminate what the upgrade has replaced.
    Retire,
}

impl Phase {
    /// All phases in the order in which an upgrade runs them.
    pub const ALL: [Self; 4] = [Self::Announce, Self::Prepare, Self::Window, Self::Retire];

    /// The word that is also the command.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announce => "announce",
            Self::Prepare => "prepare",
            Self::Window => "window",
            Self::Retire => "retire",
        }
    }

    /// The phase that must be finished before this one.
    #[must_use]
    pub fn before(self) -> Option<Self> {
        Self::ALL.iter().copied().take_while(|phase| *phase < self).last()
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which edges a plan has in addition to those that safety requires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// None: everything that may overlap does.
    #[default]
    Overlapped,
    /// Each line of the runbook ends on all hosts before the next one starts.
    Runbook,
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Overlapped => "overlapped",
            Self::Runbook => "runbook",
        })
    }
}

/// Where a step is shown: with its fleet, or with the steps of the whole deployment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Steps of the whole deployment.
    Deployment,
    /// One fleet.
    Fleet(FleetName),
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deployment => f.pad("deployment"),
            Self::Fleet(fleet) => fleet.fmt(f),
        }
    }
}
