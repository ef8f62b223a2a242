//! Database instances, their schemas, and what is done with them before migrations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::migration::{default_directory, default_user};
use crate::names::{DatabaseName, SchemaName};
use crate::size::Size;
use crate::time::Span;

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
    /// A command that prints a line for each session, open transaction or lock on the instance that may not remain when
    /// migrations begin, with its owner, and nothing if there is none. It runs on a next edxapp host. The window waits until it
    /// prints nothing, and asks again right before a migration starts. `examples/database-sessions.sh` is such a command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions_command: Vec<String>,
    /// How long sessions may take to end by themselves, until the window fails and names those that remain.
    #[serde(default = "default_sessions_limit", skip_serializing_if = "is_default_sessions_limit")]
    pub sessions_limit: Span,
    /// A command whose last line is the number of bytes that are free for the instance. It runs on a next edxapp host, for `check`
    /// and right before the migrations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free_storage_command: Vec<String>,
    /// How much storage must be free, such as `20 GB`: a migration that copies a table needs as much again as the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_free: Option<Size>,
    /// A command that counts rows. The tables are added as arguments, and it prints a line for each: its name, a tab, and the number
    /// of its rows, `~` and an estimate, or `-` if there is no such table. It runs on a next edxapp host, for two minutes at most:
    /// for `check`, before the migrations and after them, when a table that has lost rows is named. `examples/count-rows.sh` is
    /// such a command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub count_rows_command: Vec<String>,
    /// The tables whose rows are counted, each with its schema, such as `edxapp.courseware_studentmodule`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// The folder in which the commands of this database run.
    #[serde(default = "default_directory", skip_serializing_if = "is_default_directory")]
    pub directory: String,
    /// The user who runs them.
    #[serde(default = "default_user", skip_serializing_if = "is_default_user")]
    pub user: String,
}

const fn default_sessions_limit() -> Span {
    Span::seconds(120)
}

fn default_true() -> bool {
    true
}

fn is_default_sessions_limit(limit: &Span) -> bool {
    *limit == default_sessions_limit()
}

fn is_default_directory(directory: &str) -> bool {
    directory == default_directory()
}

fn is_default_user(user: &str) -> bool {
    user == default_user()
}
