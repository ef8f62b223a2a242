//! The one stream of progress: what the terminal, `--json`, the status and the report all fold.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Event;
use crate::names::StepId;

/// Something to show while an upgrade runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "progress", rename_all = "kebab-case")]
pub enum Progress {
    /// An event that is now in the journal.
    Recorded {
        /// When, by the upgrade's clock.
        at: Timestamp,
        /// What happened.
        event: Event,
    },
    /// What a step that is under way waits for now. Not on record: it is out of date a moment later.
    Waiting {
        /// When, by the upgrade's clock.
        at: Timestamp,
        /// The step.
        step: StepId,
        /// What it waits for, such as `7 of 18 hosts in service`.
        detail: String,
    },
}
