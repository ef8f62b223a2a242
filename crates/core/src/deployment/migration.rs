//! Migrations: the commands that change a fleet's schemas, and those that say what is to be changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{FleetName, MigrationName};
use crate::time::Span;

/// A migration command. Every fleet runs its migrations one after the other, in the file's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    /// The service that it migrates, such as `lms`.
    pub service: String,
    /// The alias of the database that it migrates, one of the fleet's `schemas`, such as `default`.
    pub database: String,
    /// The fleets that run it. Default: all of them.
    #[serde(default)]
    pub fleets: Vec<FleetName>,
    /// The command and its arguments, as a list, without secrets: plans and journals repeat it. It must not end before its migration
    /// does, because the commands of `after` run next. What it starts through `su` or `sudo`, or in the background, is known as its
    /// own; what it lets another service run is not (`docker`, `systemd-run`, `at`), nor what it runs in a namespace of its own under
    /// `su` (`podman`). If such a command is ended, its migration may go on unseen: look in the database's list of sessions
    /// before you type `--retry`.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Commands that run right before the migration, one after the other, in the same job and under the same lock, such as
    /// `manage.py lms clearsessions`. If one fails, nothing is migrated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Vec<String>>,
    /// Commands that run right after it, in the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Vec<String>>,
    /// Migrations that are recorded as applied and are not run (`migrate --fake`), each with the reason, such as an index that was
    /// added weeks before because it takes days. What comes before them is applied first. One that is applied already is left alone. It
    /// needs `list_command`, and a `command` that is Django's `migrate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fake: Vec<Fake>,
    /// A command that takes a lock, runs the command that follows it as arguments, and gives the lock back, so that nobody else
    /// migrates the schema meanwhile. If somebody else has the lock, it ends with exit status 75 and runs nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lock_command: Vec<String>,
    /// The command that lists migrations, with `[ ]` in front of each pending one.
    #[serde(default)]
    pub list_command: Vec<String>,
    /// The command that shows what would be applied and changes nothing, such as `manage.py lms migrate --plan`. If Django cannot
    /// run the migrations, `check` and the window say so before the page goes up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan_command: Vec<String>,
    /// The command that prints the rows of `django_migrations`, each as an app, a tab and a name. Migrations that are on
    /// record and whose files the new code does not have are in no list of Django's. It needs `list_command`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorded_command: Vec<String>,
    /// The command that prints the statements of a migration, such as `manage.py lms sqlmigrate`: its app and its name are
    /// added as arguments. It is asked for the pending migrations before the page goes up, for 5 minutes at most, and
    /// otherwise for the one that has failed. With `schema_command`, a failure says which statements have taken effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sql_command: Vec<String>,
    /// The command that prints the tables, columns, indexes and constraints of the schema, as `examples/schema.sql` does.
    /// It is asked after a failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_command: Vec<String>,
    /// The folder in which the commands run.
    #[serde(default = "default_directory")]
    pub directory: String,
    /// The user who runs the commands.
    #[serde(default = "default_user")]
    pub user: String,
    /// How long it usually takes.
    pub expected: Span,
    /// After how long a warning says that it takes longer than usual. Default: twice as long as `expected`, if that is shorter
    /// than `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_after: Option<Span>,
    /// How long it may take.
    pub limit: Span,
    /// What to do with a migration that still runs after the limit.
    #[serde(default, skip_serializing_if = "PastLimit::is_usual")]
    pub past_limit: PastLimit,
    /// Whether current hosts also work with the migrated schema.
    #[serde(default)]
    pub backward_compatible: bool,
}

/// What to do with a migration that still runs after its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum PastLimit {
    /// Fail the step, and let the migration go on: it is waited for when the phase is run again, and is not started a second time
    /// meanwhile.
    #[default]
    Abort,
    /// Tell it to end, and kill it if it has not ended 30 seconds later. The schema may be half migrated then, and the database
    /// may still carry out the last statement.
    Kill,
}

impl PastLimit {
    /// Whether it is the default.
    #[must_use]
    pub const fn is_usual(&self) -> bool {
        matches!(self, Self::Abort)
    }
}

/// A migration that is recorded as applied and is not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fake {
    /// Its app and its name, such as `courseware.0012_grade_index`.
    pub name: MigrationName,
    /// Why it is not run, for plans and reports.
    pub reason: String,
}

impl Migration {
    /// The command that is run: `command`, under its lock.
    #[must_use]
    pub fn locked_command(&self) -> Vec<String> {
        [self.lock_command.as_slice(), &self.command].concat()
    }
}

/// The folder in which the commands of a next host run, unless the file names another one.
pub(super) fn default_directory() -> String {
    "/edx/app/edxapp/edx-platform".to_owned()
}

/// The user who runs them, unless the file names another one.
pub(super) fn default_user() -> String {
    "edxapp".to_owned()
}
