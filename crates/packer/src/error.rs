//! Errors: what failed, on what, what is known now, and what to do next.

use std::path::{Path, PathBuf};

/// What a hint says if the same command is to be run again. Whoever prints such a hint adds the command.
pub const SAME_COMMAND: &str = "run the same command";

/// Why something could not be done. Nothing was started and nothing was changed unless the message says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be done as things are.
    #[error("{message}")]
    Refused {
        /// What was refused, and why.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A file or folder could not be used.
    #[error("{} could not be {done}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read`, `written`, ...
        done: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// What most functions here return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Refused, with nothing changed.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: hint.into() }
    }

    /// For `map_err`: the file could not be `read`, `written`, ...
    pub(crate) fn file(path: &Path, done: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), done, source }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Refused { hint, .. } => hint.clone(),
            Self::File { .. } => {
                format!("nothing was started; free disk space or correct the permissions, then {SAME_COMMAND} again")
            }
        }
    }
}
