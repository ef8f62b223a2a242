//! Why a conductor stops at once, whatever is under way: it no longer knows that what it does is on record, or that
//! nobody else does it. And what may come of a call: a failure of that call, or such an end of the whole run.

use crate::failure::Failure;
use crate::fence::ZoneTaken;
use crate::hints::SUPERSEDED;
use crate::journal::JournalError;
use crate::lease::LeaseLost;

/// Why a conductor stops at once.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The journal cannot be appended to, or another conductor has.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The lease is not held any more.
    #[error(transparent)]
    Lease(#[from] LeaseLost),
    /// The zone says that another conductor has changed records.
    #[error(transparent)]
    Zone(#[from] ZoneTaken),
    /// Something else of the world has seen a later conductor.
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

/// What came of a write that did not go well.
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
    /// The call's failure; the end of the run as one that trying again does not help.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Halt(halt) => Failure::permanent(halt.to_string()),
        }
    }
}
