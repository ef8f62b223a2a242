//! Machine images.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::deployment::Role;
use cutover_core::names::{ImageId, ImageName};
use cutover_core::observation::MachineImage;

/// A machine image, finished or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: ImageId,
    pub(crate) name: ImageName,
    pub(crate) role: Role,
    pub(crate) codename: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) commit: Arc<str>,
    pub(crate) available: bool,
    pub(crate) created: Timestamp,
    /// Whether it existed when the world was created.
    pub(crate) furnished: bool,
}

impl Image {
    pub(crate) fn describe(&self) -> MachineImage {
        MachineImage {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            codename: self.codename.clone(),
            version: self.version.clone(),
            // The tags exist once the image is complete.
            commit: self.available.then(|| self.commit.clone()),
            available: self.available,
            failed: None,
            created: self.created,
        }
    }
}
