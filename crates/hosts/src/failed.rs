//! That a command has failed.

use crate::command::Said;

/// A command that did not exit with 0. What it printed on standard output is then no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exit status {exit}: {printed}")]
pub struct CommandFailed {
    /// Its exit status.
    pub exit: i32,
    /// Its last line.
    pub printed: String,
}

impl CommandFailed {
    pub(crate) fn of(said: &Said) -> Self {
        Self { exit: said.exit, printed: said.last_line().to_owned() }
    }

    /// An error if the command has failed.
    pub(crate) fn check(said: &Said) -> Result<(), Self> {
        if said.exit == 0 { Ok(()) } else { Err(Self::of(said)) }
    }
}
