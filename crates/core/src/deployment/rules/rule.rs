//! What a rule is.

use crate::deployment::Deployment;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;

/// One rule: returns the mistakes that it finds in a deployment, with their positions in the file.
pub(super) type Rule = fn(&Deployment, &Node) -> Vec<Mistake>;
