//! Why this conductor no longer holds its lease.

use std::time::Duration;

use cutover_core::time::human;

use super::Identity;
use crate::hints::{GONE, SAME_COMMAND, SUPERSEDED};

/// This conductor no longer holds its lease. Nothing may be written until the next conductor has observed the world.
#[derive(Debug, thiserror::Error)]
pub enum LeaseLost {
    /// Another conductor has claimed the next epoch.
    #[error("{by} has taken this upgrade over (epoch {epoch})")]
    Superseded {
        /// Who.
        by: Identity,
        /// Its epoch.
        epoch: u64,
    },
    /// The lease's object does not exist any more: the state was removed.
    #[error("the state of this upgrade is gone from {location}: {what} is missing")]
    Gone {
        /// What is missing.
        what: String,
        /// Where the state was.
        location: String,
    },
    /// It could not be renewed for so long that it has nearly expired.
    #[error("the lease could not be renewed for {}: another conductor may take over at any moment", human(*.since))]
    NotRenewed {
        /// The time since the last renewal.
        since: Duration,
    },
}

impl LeaseLost {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Superseded { .. } => SUPERSEDED.to_owned(),
            Self::Gone { .. } => GONE.to_owned(),
            Self::NotRenewed { .. } => format!(
                "nothing was started since; make sure that the state can be read and written, then {SAME_COMMAND}"
            ),
        }
    }
}
