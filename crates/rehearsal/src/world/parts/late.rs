//! The previous states of what was written recently.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::{BalancerName, DatabaseName, ImageId, InstanceId, SnapshotId};
use cutover_core::observation::{Health, Instance, MachineImage, Snapshot};

/// The subjects that were written recently, as they were before. Empty if writes become visible immediately.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Earlier {
    pub(crate) instances: BTreeMap<InstanceId, Before<Instance>>,
    pub(crate) images: BTreeMap<ImageId, Before<MachineImage>>,
    pub(crate) snapshots: BTreeMap<DatabaseName, BTreeMap<SnapshotId, Before<Snapshot>>>,
    pub(crate) members: BTreeMap<BalancerName, BTreeMap<InstanceId, Before<Health>>>,
}

/// A subject before it was written; `None` if it did not exist.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Before<T> {
    pub(crate) written: Timestamp,
    pub(crate) was: Option<T>,
}
