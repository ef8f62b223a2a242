//! The rows of tables, counted before the migrations of their database and after them, so that a table that has lost some is seen
//! before visitors are back.

use std::time::Duration;

use super::Window;
use super::ids::rows_id;
use crate::deployment::{Database, Fleet};
use crate::names::StepId;
use crate::plan::{Action, CountRows, Line, Rule, Step};
use crate::planner::build::{CALL_LIMIT, step};
use crate::rows::CountedWhen;

/// How long it usually takes.
const COUNT: Duration = Duration::from_secs(5);

impl<'a> Window<'a> {
    /// Counts rows once nothing writes to a database any more, beside its snapshot.
    pub(super) fn rows_before(&self, database: &Database) -> Option<Step> {
        let fleets = self.deployment.fleets_on(&database.name);
        let stops: Vec<StepId> = fleets.flat_map(|fleet| self.stopped(fleet)).collect();
        let title = format!("count rows on {}", database.name);
        let count = self.count_rows(database, CountedWhen::Before, Line::Snapshot, title)?;
        Some(count.after_all(&stops, Rule::WritersStopped))
    }

    /// Counts them again once its migrations have ended, beside everything that follows.
    pub(super) fn rows_after(&self, database: &Database) -> Option<Step> {
        let migrated: Vec<StepId> =
            self.deployment.fleets_on(&database.name).map(|fleet| self.migrated_id(fleet)).collect();
        let title = format!("compare rows on {} with those before its migrations", database.name);
        let count = self.count_rows(database, CountedWhen::After, Line::Verify, title)?;
        Some(count.after_all(&migrated, Rule::RowsCounted))
    }

    /// The steps that count rows before the migrations of a fleet.
    pub(super) fn rows_counted(&self, fleet: &Fleet) -> Vec<StepId> {
        let counts = self.deployment.databases_of(fleet).filter_map(|database| self.rows_before(database));
        counts.map(|step| step.id).collect()
    }

    /// The steps that count rows after all migrations.
    pub(super) fn rows_compared(&self) -> Vec<StepId> {
        self.deployment.databases.iter().filter_map(|database| self.rows_after(database)).map(|step| step.id).collect()
    }

    fn count_rows(&self, database: &Database, when: CountedWhen, line: Line, title: String) -> Option<Step> {
        let count = CountRows {
            database: database.name.clone(),
            when,
            host: self.client_of(database).filter(|_| !database.tables.is_empty())?.clone(),
            command: database.count_rows_command.clone(),
            tables: database.tables.clone(),
            directory: database.directory.clone(),
            user: database.user.clone(),
        };
        Some(step(rows_id(&database.name, when), line, title, Action::CountRows(count)).takes(COUNT, CALL_LIMIT))
    }
}
