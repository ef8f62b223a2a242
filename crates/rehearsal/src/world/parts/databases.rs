//! Database instances and their snapshots.

use serde::{Deserialize, Serialize};

use cutover_core::observation::Snapshot;

/// A database instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Database {
    /// Oldest first.
    pub(crate) snapshots: Vec<Snapshot>,
    /// How many of them existed when the world was created.
    pub(crate) furnished: usize,
}
