//! Why a journal cannot be read or appended to, and what to do about it.

use cutover_core::journal::IllegalTransition;

use crate::hints::{GONE, SAME_COMMAND, SUPERSEDED};
use crate::store::StoreError;

/// The journal cannot be read or appended to. The run stops, because nothing may happen that is not on record.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another conductor has continued this upgrade.
    #[error("another conductor has taken this upgrade over: record {number} is {whose}; `cutover status` shows who")]
    Fenced {
        /// The record that was to be written.
        number: u64,
        /// The conductor that wrote it, in words.
        whose: String,
    },
    /// An event is not possible after what is on record.
    #[error("the journal is inconsistent")]
    Illegal(#[from] IllegalTransition),
    /// The last record that this conductor wrote or read does not exist any more.
    #[error("the state of this upgrade is gone from {location}: record {number} of its journal is missing")]
    Gone {
        /// The record.
        number: u64,
        /// Where the state was.
        location: String,
    },
    /// The lease names records that do not exist.
    #[error("the journal in {location} ends at record {records}, and {known} were written: its end is lost")]
    LostTail {
        /// How many records there are.
        records: u64,
        /// How many the lease's holder knew of.
        known: u64,
        /// Where the state is.
        location: String,
    },
    /// An append failed before, so nothing more is written.
    #[error("the journal could not be written before; nothing more is done")]
    Broken,
}

impl JournalError {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::Store(error) => return error.hint(),
            Self::Fenced { .. } => SUPERSEDED,
            Self::Gone { .. } => GONE,
            Self::LostTail { .. } => {
                "restore the state from a backup that has all records; do not go on without them: it would \
                 not be known what has happened since the last remaining record"
            }
            Self::Illegal(_) => {
                "the journal was written by another version of cutover, or edited: use the version that wrote it, or \
                 restore the state from a backup; do not delete records"
            }
            Self::Broken => {
                return format!(
                    "make sure that the state can be read and written; then {SAME_COMMAND}. Everything on record is kept"
                );
            }
        };
        hint.to_owned()
    }
}
