//! What facts say of single migrations and of the apps that they belong to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::MigrationName;

/// A migration that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Which one.
    pub migration: MigrationName,
    /// How long it took, in whole seconds; `None` if it began and ended between two looks at the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// A migration that is being applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applying {
    /// Which one.
    pub migration: MigrationName,
    /// When its begin was first seen in the job's output, by the conductor's clock.
    pub since: Timestamp,
}

/// The last migrations of an app before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The label of the app, such as `courseware`.
    pub app: String,
    /// The last migration that was applied before, such as `0010_index`, or `zero`, as Django says, if none was. `None` if it is
    /// not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The last migration that was applied.
    pub to: String,
}

/// What Django calls the state of an app of which no migration is applied.
pub const ZERO: &str = "zero";

impl Moved {
    /// The arguments of `manage.py` that would reverse it; `None` if the state before is not known. Nothing runs that.
    #[must_use]
    pub fn reversal(&self) -> Option<String> {
        self.from.as_ref().map(|from| format!("migrate {} {from}", self.app))
    }
}

impl std::fmt::Display for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} -> {}", self.app, self.from.as_deref().unwrap_or("unknown"), self.to)
    }
}
