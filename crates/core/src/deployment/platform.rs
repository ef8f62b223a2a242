//! What the hosts depend on: machine images, databases, migrations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{DatabaseName, FleetName, SchemaName};
use crate::time::Span;

/// A database instance and the schemas that it holds. Snapshots and restores concern the whole instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The instance's identifier, such as `mitx-production-rds-mysql`.
    pub name: DatabaseName,
    /// The schemas on it, of all fleets.
    #[schemars(length(min = 1))]
    pub schemas: Vec<SchemaName>,
    /// Whether a snapshot is taken in the window, before the first migration.
    #[serde(default = "default_true")]
    pub snapshot: bool,
    /// Whether a snapshot is also taken shortly before the window, so that the one inside the window takes less time.
    #[serde(default)]
    pub warm_up_snapshot: bool,
}

fn default_true() -> bool {
    true
}

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
    /// The command and its arguments, as a list, without secrets: plans and journals repeat it.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
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
    /// The folder in which the commands run.
    #[serde(default = "default_directory")]
    pub directory: String,
    /// The user who runs the commands.
    #[serde(default = "default_user")]
    pub user: String,
    /// How long it usually takes.
    pub expected: Span,
    /// How long it may take.
    pub limit: Span,
    /// Whether current hosts also work with the migrated schema.
    #[serde(default)]
    pub backward_compatible: bool,
}

impl Migration {
    /// The command that is run: `command`, under its lock.
    #[must_use]
    pub fn locked_command(&self) -> Vec<String> {
        [self.lock_command.as_slice(), &self.command].concat()
    }
}

fn default_directory() -> String {
    "/edx/app/edxapp/edx-platform".to_owned()
}

fn default_user() -> String {
    "edxapp".to_owned()
}

/// How the machine image of a role is named and built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The pattern of image names; `{deployment}`, `{codename}` and `{n}` (a running number) are filled in.
    pub name: String,
    /// The image to start from.
    pub base: String,
    /// The repository of the code that the image contains.
    pub repository: String,
    /// The branch of the code that the image contains, such as `mitx/koa`.
    pub branch: String,
    /// How long a build usually takes.
    pub expected: Span,
    /// How long a build may take.
    pub limit: Span,
}
