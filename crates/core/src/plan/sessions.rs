//! Steps that wait for the sessions on a database instance to end.

use serde::{Deserialize, Serialize};

use super::host::Host;
use crate::names::DatabaseName;

/// A wait until a command of the deployment file names no session any more that holds, or may soon hold, what a migration
/// has to wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitSessions {
    /// The database instance.
    pub database: DatabaseName,
    /// The host that runs the command.
    pub host: Host,
    /// The command and its arguments. It prints a line for each session that remains.
    pub command: Vec<String>,
    /// The folder to run in.
    pub directory: String,
    /// The user to run as.
    pub user: String,
}
