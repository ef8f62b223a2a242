//! Steps that try a write.

use serde::{Deserialize, Serialize};

use super::host::Host;
use crate::names::FleetName;

/// A command of the deployment file that writes on the new site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteCheck {
    /// The host that runs it.
    pub host: Host,
    /// The fleet whose site it writes on.
    pub fleet: FleetName,
    /// Its name in the file.
    pub name: String,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The folder to run in.
    pub directory: String,
    /// The user to run as.
    pub user: String,
}
