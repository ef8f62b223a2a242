//! Programs under supervisor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::time::between;
use cutover_hosts::supervisor::{State, print_other, print_running};

/// The process of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) id: u32,
    /// When it was started.
    pub(crate) since: Timestamp,
}

/// A program of a host's supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Program {
    Stopped,
    /// It answers from this time on.
    Starting(Process, Timestamp),
    Running(Process),
    /// It was told to stop and does not answer requests. It has stopped at this time, if there is one.
    Stopping(Process, Option<Timestamp>),
}

impl Program {
    /// Its process, if it has one.
    pub(crate) const fn process(self) -> Option<Process> {
        match self {
            Self::Stopped => None,
            Self::Starting(process, _) | Self::Running(process) | Self::Stopping(process, _) => Some(process),
        }
    }

    /// Whether it is on its way to another state, for which supervisorctl waits.
    pub(crate) const fn moves(self) -> bool {
        matches!(self, Self::Starting(..) | Self::Stopping(..))
    }

    /// Adds what supervisor says about it. It counts the time of a process from its start, including the time in which
    /// the program did not answer yet.
    pub(crate) fn print_status(self, name: &str, now: Timestamp, text: &mut String) {
        match self {
            Self::Stopped => print_other(text, name, State::Stopped, "Not started"),
            Self::Starting(..) => print_other(text, name, State::Starting, ""),
            Self::Running(Process { id, since }) => print_running(text, name, id, between(since, now)),
            Self::Stopping(..) => print_other(text, name, State::Stopping, ""),
        }
    }
}
