//! Why a lease is not held any more.

use std::time::Duration;

use cutover_core::time::human;

use super::Identity;
use crate::hints::{GONE, SUPERSEDED};

/// The lease is not held any more. Nothing may be written until the next conductor has looked at the world.
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
    /// The lease's object is not there any more: somebody has removed the state.
    #[error("the state of this upgrade is gone from {location}: {what} is not there any more")]
    Gone {
        /// What is missed.
        what: String,
        /// Where the state was.
        location: String,
    },
    /// It could not be renewed for so long that it has nearly lapsed.
    #[error("the lease could not be renewed for {}: another conductor may take over at any moment", human(*.since))]
    NotRenewed {
        /// Since the last renewal.
        since: Duration,
    },
}

impl LeaseLost {
    /// What the operator can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Superseded { .. } => SUPERSEDED,
            Self::Gone { .. } => GONE,
            Self::NotRenewed { .. } => {
                "nothing new was begun since; make sure that the state can be read and written, then run the same command"
            }
        }
    }
}
