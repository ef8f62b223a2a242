//! Migrations, pending and applied, and what Django prints about them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use cutover_core::names::FleetName;
use cutover_core::words::push_number;

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

/// What Django prints when it begins to apply a migration. The end of the line follows once it is applied.
pub(crate) fn begin_of(number: u32, codename: &str) -> String {
    let (app, position) = position_of(number);
    let mut line = String::with_capacity(64);
    line.extend(["  Applying ", app, "."]);
    push_number(&mut line, position as u64, 4);
    line.extend(["_", codename, "..."]);
    line
}

/// What `showmigrations` prints: for each app its migrations, with `[X]` in front of the applied ones. Each app has one that
/// was applied long ago.
pub(crate) fn list_of(applied: u32, total: u32, codename: &str) -> String {
    let mut text = String::with_capacity(64 * total as usize);
    for (index, app) in (0..).zip(APPS) {
        text.extend([app, "\n [X] 0001_initial\n"]);
        for number in (index..total).step_by(APPS.len()) {
            text.push_str(if number < applied { " [X] " } else { " [ ] " });
            push_number(&mut text, position_of(number).1 as u64, 4);
            text.extend(["_", codename, "\n"]);
        }
    }
    text
}

/// The app of a migration, and its name there.
pub(crate) fn name_of(number: u32, codename: &str) -> (&'static str, String) {
    let (app, position) = position_of(number);
    (app, format!("{position:04}_{codename}"))
}

/// The app of a migration, and its number there.
fn position_of(number: u32) -> (&'static str, usize) {
    (APPS[number as usize % APPS.len()], 12 + number as usize / APPS.len())
}

/// What Django prints when the migration that it has begun fails.
pub(crate) const FAILURE: &str = "Traceback (most recent call last):\n\
                                  django.db.utils.OperationalError: (1060, \"Duplicate column name 'modified'\")\n";
