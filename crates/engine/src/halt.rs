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
            Self::Lease(lost) => lost.hint(),
            Self::Superseded(_) => SUPERSEDED.to_owned(),
            Self::Zone(taken) => taken.hint(),
        }
    }
}

/// Why a write failed.
#[derive(Debug)]
pub enum WriteError {
    /// A call failed.
    Failed(Failure),
    /// The conductor stops.
    Halt(Halt),
}

impl From<Failure> for WriteError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Halt> for WriteError {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<JournalError> for WriteError {
    fn from(error: JournalError) -> Self {
        Self::Halt(error.into())
    }
}

impl WriteError {
    /// The call's failure. If the run ends, this is a permanent failure.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Halt(halt) => Failure::permanent(halt.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_reason_to_stop_comes_with_what_the_operator_can_do() {
        let location = || "/srv/state".to_owned();
        let halts: [(Halt, &str); 7] = [
            (Halt::Superseded(Failure::permanent("no")), "leave the upgrade to that conductor"),
            (ZoneTaken { name: "_cutover.example".into(), why: "was changed".to_owned() }.into(), "delete the record"),
            (LeaseLost::Gone { what: "lease".to_owned(), location: location() }.into(), "restore it from a backup"),
            (LeaseLost::NotRenewed { since: Duration::ZERO }.into(), "then run the same command"),
            (JournalError::Fenced { number: 7, whose: "eve's".to_owned() }.into(), "follow it with `cutover status`"),
            (
                JournalError::LostTail { records: 3, known: 5, location: location() }.into(),
                "a backup that has all records",
            ),
            (JournalError::Broken.into(), "then run the same command"),
        ];
        for (halt, advice) in halts {
            assert!(halt.hint().contains(advice), "{halt}: {}", halt.hint());
        }
    }
}
