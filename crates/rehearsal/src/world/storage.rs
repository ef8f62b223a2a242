//! The free storage of a database instance.

use cutover_core::deployment::Database;
use cutover_hosts::command::{Command, Said};

use super::jobs::runs;
use super::parts::Fault;
use super::questions::printed;
use super::state::WorldState;

/// What is free unless a fault says otherwise: 1 TB.
const PLENTY: u64 = 1_000_000_000_000;

impl WorldState {
    /// The database instance whose free storage a command tells.
    pub(crate) fn database_asked_for_storage(&self, command: &Command) -> Option<&Database> {
        let is_its = |database: &&Database| {
            let Database { free_storage_command, directory, user, .. } = database;
            !free_storage_command.is_empty() && runs(command, free_storage_command, directory, user)
        };
        self.deployment.databases.iter().find(is_its)
    }

    /// The number of free bytes, as CloudWatch tells it.
    pub(crate) fn free_storage(&self, command: &Command) -> Option<Said> {
        let database = self.database_asked_for_storage(command)?;
        let low = self.faults.iter().find_map(|fault| match fault {
            Fault::StorageIsLow { database: of, bytes } if *of == database.name => Some(*bytes),
            _ => None,
        });
        Some(printed(format!("{}.0\n", low.unwrap_or(PLENTY))))
    }
}
