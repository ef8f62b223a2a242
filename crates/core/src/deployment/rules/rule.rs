//! What a rule is.

use crate::deployment::Deployment;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;

/// One rule: what it finds wrong in a deployment, and where in the file.
pub(super) type Rule = fn(&Deployment, &Node) -> Vec<Mistake>;
