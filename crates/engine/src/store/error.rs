//! What can go wrong with the state, and what the operator can do about it.

use std::error::Error;

use crate::failure::Failure;
use crate::hints::SAME_COMMAND;

/// The state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("the state folder {folder} cannot be used")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// An object could not be read or written.
    #[error("{what} could not be {done} in {location}")]
    Object {
        /// The object.
        what: String,
        /// `read`, `written` or `listed`.
        done: &'static str,
        /// The store.
        location: String,
        /// Why: the failure of the call, if the store's errors contain one.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something else was being written under the same name at the same time, so the store did nothing (S3's error
    /// 409).
    #[error("{what} could not be written in {location}: something else was being written there at that moment")]
    Contended {
        /// The object.
        what: String,
        /// The store.
        location: String,
    },
    /// An object is not what this program writes.
    #[error("{what} in {location} is damaged or was written by something else: {because}")]
    Damaged {
        /// The object.
        what: String,
        /// The store.
        location: String,
        /// What is wrong with it.
        because: String,
    },
}

impl StoreError {
    pub(super) fn object(what: &str, done: &'static str, location: &str, error: object_store::Error) -> Self {
        let source = match failure_behind(&error) {
            Some(failure) => Box::new(failure.clone()) as _,
            None => Box::new(error) as _,
        };
        Self::Object { what: what.to_owned(), done, location: location.to_owned(), source }
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let of_the_call = match self {
            Self::Damaged { .. } => {
                return "restore what is named above from a backup of the state, or use the version of cutover that \
                        wrote it; do not delete records: they are the only record of what has happened"
                    .to_owned();
            }
            Self::Object { source, .. } => source.downcast_ref().and_then(|failure: &Failure| failure.hint.as_deref()),
            Self::Folder { .. } | Self::Contended { .. } => None,
        };
        let hint = of_the_call.unwrap_or("make sure that the state can be read and written");
        format!("{hint}; then {SAME_COMMAND}. Everything on record is kept")
    }
}

/// The failure that caused an error of a store. The errors of a team's bucket are created from failures.
fn failure_behind(error: &object_store::Error) -> Option<&Failure> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(failure) = inner.downcast_ref() {
            return Some(failure);
        }
        source = inner.source();
    }
    None
}
