//! Builds by Packer on the machine of the conductor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::InstanceId;
use cutover_core::plan::BuildImage;

/// A build by Packer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Packing {
    pub(crate) build: BuildImage,
    /// The instance that it builds on.
    pub(crate) instance: InstanceId,
    pub(crate) begun: Timestamp,
    /// How it has ended, if it has.
    pub(crate) status: Option<i32>,
}
