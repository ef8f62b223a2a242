//! Why a conductor stops immediately, whatever is under way: it is no longer certain that its actions are recorded, or
//! that it is the only conductor. Also the error of a write: a failure of that call, or such an end of the run.

use crate::failure::Failure;
use crate::fence::ZoneTaken;
use crate::hints::SUPERSEDED;
use crate::journal::JournalError;
use crate::lease::LeaseLost;

/// Why a conductor stops immediately.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The journal cannot be appended to, or another conductor has appended to it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The lease is no longer held.
    #[error(transparent)]
    Lease(#[from] LeaseLost),
    /// The zone says that another conductor has changed records.
    #[error(transparent)]
    Zone(#[from] ZoneTaken),
    /// Another part of the world, such as a host, has seen a later conductor.
    #[error("another conductor has taken this upgrade over: {0}")]
    Superseded(Failure),
}

impl Halt {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Journal(error) => error.hint(),
            Self::Lease(lost) => lost.hint().to_owned(),
            Self::Superseded(_) => SUPERSEDED.to_owned(),
            Self::Zone(taken) => taken.hint().to_owned(),
        }
    }
}

/// Why a write failed.
#[derive(Debug)]
pub enum Hitch {
    /// A call failed.
    Failed(Failure),
    /// The conductor stops.
    Halt(Halt),
}

impl From<Failure> for Hitch {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Halt> for Hitch {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<JournalError> for Hitch {
    fn from(error: JournalError) -> Self {
        Self::Halt(error.into())
    }
}

impl Hitch {
    /// The call's failure. If the run ends, this is a permanent failure.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Halt(halt) => Failure::permanent(halt.to_string()),
        }
    }
}
