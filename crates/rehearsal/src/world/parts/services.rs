//! Programs under supervisor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_engine::ports::ProgramState;

/// A program of a host's supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Program {
    Stopped,
    /// It answers from this time on.
    Starting(Timestamp),
    Running,
    /// It was told to stop and does not answer requests. It has stopped at this time, if there is one.
    Stopping(Option<Timestamp>),
}

impl Program {
    pub(crate) fn state(self) -> ProgramState {
        match self {
            Self::Stopped => ProgramState::Stopped,
            Self::Starting(_) => ProgramState::Starting,
            Self::Running => ProgramState::Running,
            Self::Stopping(_) => ProgramState::Stopping,
        }
    }
}
