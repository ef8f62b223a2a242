//! Steps that read what migrations are about to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::host::Host;
use super::migrate::Migrate;
use crate::names::FleetName;

/// Reads the statements of the pending migrations of one service's tables in one database, for whoever has to find out later which
/// of them have taken effect. It never stops a window: what could not be read is asked for after a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadStatements {
    /// The fleet whose schema is migrated.
    pub fleet: FleetName,
    /// The service, such as `lms`.
    pub service: String,
    /// The database alias, such as `default`.
    pub database: String,
    /// The host that runs the commands: the one that migrates.
    pub host: Host,
    /// The command that lists migrations.
    pub list_command: Vec<String>,
    /// The command that prints the statements of a migration, without its app and its name.
    pub sql_command: Vec<String>,
    /// The folder to run in.
    pub directory: String,
    /// The user to run as.
    pub user: String,
}

impl ReadStatements {
    /// For how long statements are read: whoever starts the window at the last moment waits for that.
    pub const LIMIT: Duration = Duration::from_secs(300);

    /// What has to be read before a migration; `None` if the file has no command for that.
    #[must_use]
    pub fn before(migrate: &Migrate) -> Option<Self> {
        let can_be_read = !migrate.sql_command.is_empty() && !migrate.list_command.is_empty();
        can_be_read.then(|| Self {
            fleet: migrate.fleet.clone(),
            service: migrate.service.clone(),
            database: migrate.database.clone(),
            host: migrate.host.clone(),
            list_command: migrate.list_command.clone(),
            sql_command: migrate.sql_command.clone(),
            directory: migrate.directory.clone(),
            user: migrate.user.clone(),
        })
    }

    /// Whether it is about what this step migrates.
    #[must_use]
    pub fn is_of(&self, migrate: &Migrate) -> bool {
        self.subject() == (&migrate.fleet, &migrate.service, &migrate.database)
    }

    /// Whether both read the same, on whichever host.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        self.subject() == other.subject()
    }

    fn subject(&self) -> (&FleetName, &String, &String) {
        (&self.fleet, &self.service, &self.database)
    }
}
