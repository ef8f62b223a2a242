//! Migrations, pending and applied, and the jobs that apply them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::{FleetName, SchemaName};

/// Apps of edx-platform whose migrations the embedded cloud pretends to run.
pub(crate) const APPS: [&str; 8] = [
    "courseware",
    "student",
    "course_overviews",
    "grades",
    "certificates",
    "user_api",
    "oauth_dispatch",
    "verify_student",
];

/// The applied and pending migrations of one migration command of one fleet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Migrations {
    pub(crate) fleet: FleetName,
    pub(crate) service: String,
    pub(crate) database: String,
    pub(crate) backward_compatible: bool,
    pub(crate) applied: u32,
    pub(crate) total: u32,
    pub(crate) expected: Duration,
}

impl Migrations {
    pub(crate) fn pending(&self) -> u32 {
        self.total - self.applied
    }
}

/// A migration command that was started on a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The index of its migrations in the world's `migrations`.
    pub(crate) migrations: usize,
    pub(crate) schema: SchemaName,
    pub(crate) output: String,
    pub(crate) exit: Option<i32>,
    /// How long one migration takes.
    pub(crate) step: Duration,
    pub(crate) due: Timestamp,
}

impl Migrations {
    /// All of a fleet's migrations by one command, pending.
    pub(crate) fn furnish(fleet: &FleetName, migration: &cutover_core::deployment::Migration, total: u32) -> Self {
        Self {
            fleet: fleet.clone(),
            service: migration.service.clone(),
            database: migration.database.clone(),
            backward_compatible: migration.backward_compatible,
            applied: 0,
            total,
            expected: migration.expected.duration(),
        }
    }
}

/// The line that Django prints for an applied migration.
pub(crate) fn success_of(number: u32, codename: &str) -> String {
    let (app, position) = position_of(number);
    format!("  Applying {app}.{position:04}_{codename}... OK\n")
}

/// The app of a migration, and its number there.
fn position_of(number: u32) -> (&'static str, usize) {
    (APPS[number as usize % APPS.len()], 12 + number as usize / APPS.len())
}

/// What Django prints when a migration fails.
pub(crate) fn failure_of(number: u32, codename: &str) -> String {
    let (app, position) = position_of(number);
    format!(
        "  Applying {app}.{position:04}_{codename}...Traceback (most recent call last):\n\
         django.db.utils.OperationalError: (1060, \"Duplicate column name 'modified'\")\n"
    )
}
