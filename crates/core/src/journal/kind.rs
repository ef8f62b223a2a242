//! What a run is for, and its number.

use serde::{Deserialize, Serialize};

use crate::plan::Phase;

/// A run's number in the order in which runs began, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunNumber(pub u32);

impl std::fmt::Display for RunNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a run is for: a phase, or a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// The phase `announce`.
    Announce,
    /// The phase `prepare`.
    Prepare,
    /// The phase `window`.
    Window,
    /// The phase `retire`.
    Retire,
    /// A rollback of a window. Reserved: no command starts one yet.
    Rollback,
}

impl RunKind {
    /// The phase, if it is one.
    #[must_use]
    pub const fn phase(self) -> Option<Phase> {
        match self {
            Self::Announce => Some(Phase::Announce),
            Self::Prepare => Some(Phase::Prepare),
            Self::Window => Some(Phase::Window),
            Self::Retire => Some(Phase::Retire),
            Self::Rollback => None,
        }
    }
}

impl std::fmt::Display for RunKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.phase().map_or("rollback", Phase::as_str))
    }
}

impl From<Phase> for RunKind {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Announce => Self::Announce,
            Phase::Prepare => Self::Prepare,
            Phase::Window => Self::Window,
            Phase::Retire => Self::Retire,
        }
    }
}
