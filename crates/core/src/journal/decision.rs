//! What people decide at gates.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::names::GateName;
use crate::plan::Plan;

/// A person's decision at a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The gate.
    pub gate: GateName,
    /// Whether the upgrade may go on.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// When they decided.
    pub at: jiff::Timestamp,
    /// Their note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The plan that was decided on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
}

impl Decision {
    /// Whether it was made on this plan. One that names no plan is about any.
    #[must_use]
    pub fn is_about(&self, plan: &Plan) -> bool {
        self.plan.as_ref().is_none_or(|hash| *hash == plan.hash())
    }
}
