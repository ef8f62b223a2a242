//! Steps that migrate a schema.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::host::Host;
use super::sequence::Sequence;
use crate::deployment::PastLimit;
use crate::names::{DatabaseName, FleetName, JobName, SchemaName};

/// A migration command to run as a job of a host, so that it outlives the connection and the conductor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrate {
    /// The job's name. Starting it a second time has no effect.
    pub job: JobName,
    /// The host that runs it.
    pub host: Host,
    /// The fleet whose schema it migrates.
    pub fleet: FleetName,
    /// The service, such as `lms`.
    pub service: String,
    /// The database alias, such as `default`.
    pub database: String,
    /// The schema behind the alias.
    pub schema: SchemaName,
    /// The database instance that holds the schema.
    pub instance: DatabaseName,
    /// The command and its arguments, under its lock if there is one.
    pub command: Vec<String>,
    /// Whether the command begins with one that takes a lock, and ends with exit status 75 if somebody else has that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_locked: bool,
    /// The commands of the job, if they are more than this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Box<Sequence>>,
    /// The command that lists migrations.
    pub list_command: Vec<String>,
    /// The command that prints the statements of a migration, without its app and its name; empty if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sql_command: Vec<String>,
    /// The command that prints what the schema consists of; empty if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_command: Vec<String>,
    /// The folder to run in.
    pub directory: String,
    /// The user to run as.
    pub user: String,
    /// After how long a warning says that it takes longer than usual; `None` for twice as long as the step is expected to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_after: Option<Duration>,
    /// What to do with it after the step's limit.
    #[serde(default, skip_serializing_if = "PastLimit::is_usual")]
    pub past_limit: PastLimit,
    /// Whether current hosts work against the migrated schema too.
    pub backward_compatible: bool,
}

impl Migrate {
    /// The job's name in run number `run`, from 0. Each retry that an operator approves is a new run.
    #[must_use]
    pub fn job_of_run(&self, run: u32) -> JobName {
        if run == 0 { self.job.clone() } else { format!("{}-run-{}", self.job, run + 1).into() }
    }

    /// Whether both migrate the same: one service's tables in one database of a fleet.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        (&self.fleet, &self.service, &self.database) == (&other.fleet, &other.service, &other.database)
    }
}
