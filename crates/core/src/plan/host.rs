//! The host that a step works on, which may not exist yet when the plan is made.

use serde::{Deserialize, Serialize};

use crate::names::{HostName, InstanceId, StepId};

/// A host that an action works on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Host {
    /// Its name.
    pub name: HostName,
    /// Which instance it is.
    pub instance: InstanceRef,
}

/// A known instance, or the step that will launch it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceRef {
    /// This instance.
    Known(InstanceId),
    /// The instance that this step launches.
    MadeBy(StepId),
}
