//! What a plan is made from.

use crate::deployment::Deployment;
use crate::journal::Upgrade;
use crate::observation::Observation;

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The deployment file.
    pub deployment: &'a Deployment,
    /// The world as it was observed.
    pub observation: &'a Observation,
    /// The journal of the upgrade so far.
    pub upgrade: &'a Upgrade,
}
