//! Checks that write: pages can look right while every write fails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::migration::{default_directory, default_user};
use crate::names::FleetName;
use crate::time::Span;

/// A command that writes on the new site and removes what it has written: enrols, submits, deletes. It runs on one next host of
/// each fleet, behind the maintenance page, once the pages of the fleet's sites are right and its workers run. Visitors come
/// back only after it has succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteCheck {
    /// What it shows, in a word, such as `enrol`. It becomes part of the step's id.
    pub name: String,
    /// The fleets that run it. Default: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fleets: Vec<FleetName>,
    /// The command and its arguments, as a list, without secrets: plans and journals repeat it. It never runs twice at once. After
    /// a failure it is run again, so it must not mind what it has left behind.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// The folder in which it runs.
    #[serde(default = "default_directory")]
    pub directory: String,
    /// The user who runs it.
    #[serde(default = "default_user")]
    pub user: String,
    /// How long it usually takes.
    #[serde(default = "default_expected")]
    pub expected: Span,
    /// How long it may take.
    #[serde(default = "default_limit")]
    pub limit: Span,
}

impl WriteCheck {
    /// Whether a fleet runs it.
    #[must_use]
    pub fn is_of(&self, fleet: &FleetName) -> bool {
        self.fleets.is_empty() || self.fleets.contains(fleet)
    }
}

const fn default_expected() -> Span {
    Span::seconds(10)
}

const fn default_limit() -> Span {
    Span::seconds(120)
}
