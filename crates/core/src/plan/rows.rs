//! Steps that count the rows of tables.

use serde::{Deserialize, Serialize};

use super::host::Host;
use crate::names::DatabaseName;
use crate::rows::CountedWhen;

/// A count of the rows of the tables that the file names. It never stops a window: what could not be counted is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountRows {
    /// The database instance.
    pub database: DatabaseName,
    /// Before its migrations, or after them.
    pub when: CountedWhen,
    /// The host that runs the command.
    pub host: Host,
    /// The command and its arguments, without the tables, which are added.
    pub command: Vec<String>,
    /// The tables, each with its schema.
    pub tables: Vec<String>,
    /// The folder to run in.
    pub directory: String,
    /// The user to run as.
    pub user: String,
}
