//! Database instances, their schemas, and what is done with them before migrations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{DatabaseName, SchemaName};

/// A database instance and the schemas that it holds. Snapshots and restores concern the whole instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The instance's identifier, such as `mitx-production-rds-mysql`.
    pub name: DatabaseName,
    /// The schemas on it, of all fleets.
    #[schemars(length(min = 1))]
    pub schemas: Vec<SchemaName>,
    /// Whether a snapshot is taken in the window, before the first migration.
    #[serde(default = "default_true")]
    pub snapshot: bool,
    /// Whether a snapshot is also taken shortly before the window, so that the one inside the window takes less time.
    #[serde(default)]
    pub warm_up_snapshot: bool,
}

fn default_true() -> bool {
    true
}
