//! What is known of the conductor that holds the lease, or was the last to hold it.

use serde::Serialize;

/// What is known of the last conductor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ConductorState {
    /// Nothing: its lease cannot be read.
    Unknown,
    /// It has ended, or there was none.
    Gone,
    /// It is at work.
    AtWork,
    /// A signal has told it to stop, and it waits for the steps that are under way.
    Stopping,
    /// Its process is on this machine, and is suspended: it does nothing, and signals other than SIGCONT and SIGKILL
    /// reach it only when it goes on.
    Suspended {
        /// The number of its process.
        process: u32,
        /// Its name, as `--take-over` takes it: `user@machine`.
        name: String,
    },
}

impl ConductorState {
    /// Whether it is alive; nothing if that is not known.
    #[must_use]
    pub const fn lives(&self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Gone => Some(false),
            Self::AtWork | Self::Stopping | Self::Suspended { .. } => Some(true),
        }
    }

    /// Whether it certainly does something: it is alive, and not suspended.
    #[must_use]
    pub const fn is_at_work(&self) -> bool {
        matches!(self, Self::AtWork | Self::Stopping)
    }
}
