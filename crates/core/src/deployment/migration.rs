//! Migrations: the commands that change a fleet's schemas, and those that say what is to be changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::FleetName;
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

pub(super) fn default_directory() -> String {
    "/edx/app/edxapp/edx-platform".to_owned()
}

pub(super) fn default_user() -> String {
    "edxapp".to_owned()
}
