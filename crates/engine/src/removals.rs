//! Removing images outside of any phase, with the snapshots of their disks.
//!
//! The snapshots cost money, and cannot be found once their image is gone. So before an image is removed, an object in the state
//! names them: `removals/IMAGE.json`. Once all of them are gone, `removals/IMAGE.done.json` says so. A process that ends in
//! between leaves an object without the other, and the next one finishes it. Neither is ever changed.

use std::collections::BTreeSet;

use cutover_core::names::{DiskId, ImageId, ImageName};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::gate::{Gate, Permit};
use crate::halt::WriteError;
use crate::ports::{Answer, Clock, Images};
use crate::retry::{self, read};
use crate::store::{Store, StoreError};

/// An image that is being removed, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Its id.
    pub image: ImageId,
    /// Its name.
    pub name: ImageName,
    /// The snapshots of its disks.
    pub disks: Vec<DiskId>,
}

/// Why an image, or a snapshot of it, could not be removed.
#[derive(Debug)]
pub enum RemovalError {
    /// The state failed.
    Store(StoreError),
    /// A call failed, or this process may not write any more.
    Write(WriteError),
}

impl From<StoreError> for RemovalError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<WriteError> for RemovalError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<Failure> for RemovalError {
    fn from(failure: Failure) -> Self {
        Self::Write(failure.into())
    }
}

const FOLDER: &str = "removals";
const BEGUN: &str = ".json";
const DONE: &str = ".done.json";

fn object(image: &ImageId, end: &str) -> String {
    format!("{FOLDER}/{image}{end}")
}

/// The removals that were begun, and are not known to have ended.
///
/// # Errors
/// When the store fails, or one of them cannot be read: its snapshots would be forgotten.
pub async fn unfinished(store: &Store) -> Result<Vec<Removal>, StoreError> {
    let names = store.list(FOLDER, |name| name.ends_with(BEGUN)).await?;
    let done: BTreeSet<&str> = names.iter().filter_map(|name| name.strip_suffix(DONE)).collect();
    let begun = names.iter().filter(|name| !name.ends_with(DONE));
    let mut removals = Vec::new();
    for name in begun.filter(|name| name.strip_suffix(BEGUN).is_some_and(|image| !done.contains(image))) {
        let bytes = store.read(name).await?.ok_or_else(|| store.damaged(name, "it was removed"))?;
        removals.push(serde_json::from_slice(&bytes).map_err(|error| store.damaged(name, error))?);
    }
    Ok(removals)
}

/// What images are removed with.
pub struct Remover<'a> {
    /// The images.
    pub images: &'a dyn Images,
    /// The cloud's clock.
    pub clock: &'a dyn Clock,
    /// The gate of the process that holds the lease.
    pub gate: &'a Gate,
    /// The state.
    pub store: &'a Store,
}

impl Remover<'_> {
    /// Removes an image, and then the snapshots of its disks, after putting on record which they are.
    ///
    /// # Errors
    /// When something could not be removed. If that is on record by then, [`Self::finish`] goes on.
    pub async fn remove(&self, image: &ImageId, name: &ImageName) -> Result<Removal, RemovalError> {
        let disks = read(self.clock, async || self.images.disks(image).await).await?;
        let removal = Removal { image: image.clone(), name: name.clone(), disks };
        // One that exists names the same snapshots: an id is never given twice.
        self.store.create(&object(image, BEGUN), self.bytes(&removal)?).await?;
        self.finish(&removal).await?;
        Ok(removal)
    }

    /// Carries a removal that is on record to its end, whatever of it is done.
    ///
    /// # Errors
    /// When something could not be removed.
    pub async fn finish(&self, removal: &Removal) -> Result<(), RemovalError> {
        let listed = read(self.clock, async || self.images.images().await).await?;
        if listed.iter().any(|image| image.id == removal.image) {
            self.write("remove", async |permit: &Permit| self.images.remove(permit, &removal.image).await).await?;
        }
        for disk in &removal.disks {
            self.write("remove_disk", async |permit: &Permit| self.images.remove_disk(permit, disk).await).await?;
        }
        self.store.create(&object(&removal.image, DONE), b"{}".to_vec()).await?;
        Ok(())
    }

    fn bytes(&self, removal: &Removal) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(removal).map_err(|error| self.store.damaged(&object(&removal.image, BEGUN), error))
    }

    /// Makes a call that succeeds if what it removes is gone.
    async fn write(&self, call: &'static str, attempt: impl AsyncFn(&Permit) -> Answer<()>) -> Result<(), WriteError> {
        retry::write(self.clock, call, |_| {}, async || self.gate.write(call, &attempt).await).await
    }
}
