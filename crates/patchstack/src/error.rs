//! Errors: what failed, what git said, what was not changed, and what to do next.

use std::path::PathBuf;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused before anything was changed.
    #[error("{message}")]
    Refused {
        /// What was refused, and why.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Git failed.
    #[error("git could not {doing}")]
    Git {
        /// What it was to do: `list the patches of mitx/koa`.
        doing: String,
        /// What it said, with secrets in addresses taken out.
        source: GitSaid,
        /// What was not changed, and what to do.
        hint: String,
    },
    /// A file or folder of ours could not be used.
    #[error("{} could not be {done}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read`, `written`, ...
        done: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A file of ours cannot be understood.
    #[error("{} is damaged: {because}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        because: String,
        /// What to do.
        hint: String,
    },
}

/// What git said when it failed.
#[derive(Debug, thiserror::Error)]
#[error("{words} ({status})")]
pub struct GitSaid {
    /// Its words, without `fatal:` and `error:`; lines joined by `; `.
    pub words: String,
    /// `exit status: 128`, `signal: 9`, or the time limit.
    pub status: String,
}

/// What a hint says if the same command is to be run again. Whoever prints such a hint adds the command, so hints use this
/// constant and no words of their own.
pub const SAME_COMMAND: &str = "run the same command";

/// What most functions here return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Refused, with nothing changed.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: hint.into() }
    }

    /// What was not changed, and what to do; may be empty.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Refused { hint, .. } | Self::Git { hint, .. } | Self::Damaged { hint, .. } => hint.clone(),
            Self::File { .. } => format!(
                "no branch in this clone was changed; free disk space or correct the permissions, then {SAME_COMMAND} again"
            ),
        }
    }
}
