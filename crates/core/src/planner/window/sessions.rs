//! The sessions on a database instance: none may remain that a migration would have to wait for.
//!
//! A metadata lock is waited for as long as a day on MariaDB and a year on MySQL, so one idle transaction would hold up the
//! window. The writers that the file knows have stopped by then. What is left is a person's client, a report or a replica.

use std::time::Duration;

use super::Window;
use super::ids::sessions_id;
use crate::deployment::{Database, Fleet, Role};
use crate::names::StepId;
use crate::plan::{Action, AwaitSessions, Host, Line, Rule, Step};
use crate::planner::build::step;

/// How long it takes to see that nothing remains: the command starts a client of the database.
const LOOK: Duration = Duration::from_secs(3);

impl<'a> Window<'a> {
    /// Waits for the sessions on a database instance, once nothing writes to it any more.
    pub(super) fn sessions(&self, database: &Database) -> Option<Step> {
        let host = self.client_of(database).filter(|_| !database.sessions_command.is_empty())?.clone();
        let wait = AwaitSessions {
            database: database.name.clone(),
            host,
            command: database.sessions_command.clone(),
            directory: database.directory.clone(),
            user: database.user.clone(),
        };
        let title = format!("wait for the sessions on {}", database.name);
        let wait = step(sessions_id(&database.name), Line::Migrate, title, Action::AwaitSessions(wait))
            .after_all(&self.confirmed(database).ids, Rule::WritersStopped)
            .takes(LOOK, database.sessions_limit.duration());
        Some(wait)
    }

    /// The steps that wait for the sessions on the databases of a fleet.
    pub(super) fn sessions_ended(&self, fleet: &Fleet) -> Vec<StepId> {
        let waits = self.deployment.databases_of(fleet).filter_map(|database| self.sessions(database));
        waits.map(|step| step.id).collect()
    }

    /// The host that asks a database: the first next one that has a client and credentials for it.
    pub(super) fn client_of(&self, database: &Database) -> Option<&Host> {
        let mut fleets = self.deployment.fleets_on(&database.name);
        fleets.find_map(|fleet| self.next.of(&fleet.name, Role::Edxapp).first())
    }
}
