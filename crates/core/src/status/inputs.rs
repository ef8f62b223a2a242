//! What a status is made from.

use crate::deployment::Deployment;
use crate::journal::Upgrade;
use jiff::Timestamp;

use super::conductor::ConductorState;

/// What a status is made from.
#[derive(Clone, Copy, Debug)]
pub struct StatusInputs<'a> {
    /// The journal's state.
    pub upgrade: &'a Upgrade,
    /// The deployment file.
    pub deployment: &'a Deployment,
    /// The file's path as the operator gave it, for commands to type.
    pub file: &'a str,
    /// The upgrade's time.
    pub now: Timestamp,
    /// What is known of the last conductor, according to its lease.
    pub conductor: &'a ConductorState,
    /// Why the state could not be read completely; nothing if it could.
    pub damage: Option<&'a str>,
}
