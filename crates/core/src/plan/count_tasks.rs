//! How tasks that wait are counted.

use serde::{Deserialize, Serialize};

use super::host::Host;

/// How the tasks in a fleet's queues are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountTasks {
    /// A worker host.
    pub host: Host,
    /// The command to run there. It prints a number for each queue.
    pub command: Vec<String>,
}
