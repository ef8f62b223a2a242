//! Which images may be removed, and why the others stay.

use serde::Serialize;

use super::{Inventory, ListedImage, Use};
use crate::names::ImageId;

/// What becomes of the images of a deployment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pruning {
    /// How many of each role stay in any case.
    pub keep: u32,
    /// The images that are removed, in the order of the inventory.
    pub removed: Vec<ListedImage>,
    /// The others, with every reason.
    pub kept: Vec<KeptImage>,
}

/// An image that stays.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeptImage {
    /// The image.
    #[serde(flatten)]
    pub image: ListedImage,
    /// Every reason.
    pub reasons: Vec<Kept>,
}

/// Why an image stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Kept {
    /// Fewer images of its role are newer and can be launched from than are to be kept.
    Recent {
        /// How many are newer.
        newer: u32,
    },
    /// It is still being made.
    BeingMade,
    /// Something uses it.
    InUse {
        /// What.
        #[serde(rename = "use")]
        by: Use,
    },
}

impl Pruning {
    /// The ids of the images that are removed.
    #[must_use]
    pub fn ids(&self) -> Vec<&ImageId> {
        self.removed.iter().map(|one| &one.image.id).collect()
    }
}

/// Decides which images go: those that have `keep` newer ones of their role, that nothing uses, and that are not still being made.
/// At least the newest of each role stays, also for `keep` 0. Only images that can be launched from count as newer ones.
#[must_use]
pub fn prune(inventory: &Inventory, keep: u32) -> Pruning {
    let keep = keep.max(1);
    let mut pruning = Pruning { keep, removed: Vec::new(), kept: Vec::new() };
    for (index, one) in inventory.images.iter().enumerate() {
        let after = inventory.images.get(index + 1..).unwrap_or_default();
        let newer = after.iter().filter(|other| other.image.role == one.image.role && other.image.available).count();
        let newer = u32::try_from(newer).unwrap_or(u32::MAX);
        let recent = (newer < keep).then_some(Kept::Recent { newer });
        let being_made = one.is_being_made().then_some(Kept::BeingMade);
        let in_use = one.uses.iter().map(|by| Kept::InUse { by: by.clone() });
        let reasons: Vec<Kept> = recent.into_iter().chain(being_made).chain(in_use).collect();
        match reasons.is_empty() {
            true => pruning.removed.push(one.clone()),
            false => pruning.kept.push(KeptImage { image: one.clone(), reasons }),
        }
    }
    pruning
}
