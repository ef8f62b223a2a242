//! Steps that look at the free storage of a database instance.

use serde::{Deserialize, Serialize};

use super::host::Host;
use crate::names::DatabaseName;
use crate::size::Size;

/// A look whether a database instance has room for what migrations write: a table that is copied is there twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStorage {
    /// The database instance.
    pub database: DatabaseName,
    /// The host that runs the command.
    pub host: Host,
    /// The command and its arguments. The last line that it prints is the number of free bytes.
    pub command: Vec<String>,
    /// How much must be free.
    pub min_free: Size,
    /// The folder to run in.
    pub directory: String,
    /// The user to run as.
    pub user: String,
}
