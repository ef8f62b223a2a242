//! The rows of tables on database instances.

use cutover_core::deployment::Database;
use cutover_core::rows::TableRows;
use cutover_hosts::command::{Command, Said};
use cutover_hosts::rows;

use super::jobs::runs;
use super::parts::Fault;
use super::questions::printed;
use super::state::WorldState;

/// The largest number of rows that a table has.
const MOST: u64 = 5_000_000;

impl WorldState {
    /// The database instance whose rows a command counts.
    pub(crate) fn database_asked_for_rows(&self, command: &Command) -> Option<&Database> {
        let is_its = |database: &&Database| {
            let Database { count_rows_command, tables, directory, user, .. } = database;
            let words = [count_rows_command.as_slice(), tables].concat();
            !count_rows_command.is_empty() && runs(command, &words, directory, user)
        };
        self.deployment.databases.iter().find(is_its)
    }

    /// A line for each table, in the form of `examples/count-rows.sh`.
    pub(crate) fn rows(&self, command: &Command) -> Option<Said> {
        let rows = |table: &String| {
            let rows = self.below(&["rows", table], MOST).saturating_sub(self.lost_rows(table));
            TableRows { table: table.clone(), rows: Some(rows), is_estimate: false }
        };
        let tables: Vec<TableRows> = self.database_asked_for_rows(command)?.tables.iter().map(rows).collect();
        Some(printed(rows::printed(&tables)))
    }

    /// How many rows of a table migrations have lost so far.
    fn lost_rows(&self, table: &str) -> u64 {
        let have_migrated = self.migrations.iter().any(|migrations| migrations.applied > 0);
        let lost = self.faults.iter().map(|fault| match fault {
            Fault::MigrationsLoseRows { table: of, rows } if of == table && have_migrated => *rows,
            _ => 0,
        });
        lost.sum()
    }
}
