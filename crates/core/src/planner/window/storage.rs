//! The free storage of a database instance, right before its migrations: a migration that fills it stops it in the middle.

use super::Window;
use super::ids::storage_id;
use crate::deployment::{Database, Fleet};
use crate::names::StepId;
use crate::plan::{Action, CheckStorage, Line, Rule, Step};
use crate::planner::build::step;

impl<'a> Window<'a> {
    /// Looks at the free storage of a database instance, once nothing writes to it any more.
    pub(super) fn storage(&self, database: &Database) -> Option<Step> {
        let min_free = database.min_free.filter(|_| !database.free_storage_command.is_empty())?;
        let check = CheckStorage {
            database: database.name.clone(),
            host: self.client_of(database)?.clone(),
            command: database.free_storage_command.clone(),
            min_free,
            directory: database.directory.clone(),
            user: database.user.clone(),
        };
        let title = format!("look at the free storage of {}", database.name);
        let check = step(storage_id(&database.name), Line::Migrate, title, Action::CheckStorage(check));
        Some(check.after_all(&self.confirmed(database).ids, Rule::WritersStopped))
    }

    /// The steps that look at the free storage of the databases of a fleet.
    pub(super) fn storage_seen(&self, fleet: &Fleet) -> Vec<StepId> {
        let checks = self.deployment.databases_of(fleet).filter_map(|database| self.storage(database));
        checks.map(|step| step.id).collect()
    }
}
