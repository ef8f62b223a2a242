//! Where an upgrade's state lives: a folder, or memory for rehearsals, behind `object_store`.
//!
//! Everything that decides something is an object that is created once and never changed, which a folder and S3
//! both do atomically: journal records, lease epochs, decisions, plans. What the objects mean is said elsewhere.

use std::path::Path as FolderPath;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};

use cutover_core::names::UpgradeId;

/// The store of one upgrade.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    place: String,
}

/// The state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("the state folder {folder} cannot be used")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// An object could not be read or written.
    #[error("{what} could not be {done} in {place}")]
    Object {
        /// The object.
        what: String,
        /// `read`, `written` or `listed`.
        done: &'static str,
        /// The store.
        place: String,
        /// Why.
        source: object_store::Error,
    },
    /// An object is not what this program writes.
    #[error("{what} in {place} is damaged or was written by something else: {because}")]
    Damaged {
        /// The object.
        what: String,
        /// The store.
        place: String,
        /// What is wrong with it.
        because: String,
    },
}

/// What became of creating an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there now.
    New,
    /// One of that name was there before, and is unchanged.
    Existed,
}

impl Store {
    /// A store in `folder`, which is made when it is not there. Writes are on disk before they are answered.
    ///
    /// # Errors
    /// When the folder cannot be made or used.
    pub fn folder(folder: &FolderPath, upgrade: &UpgradeId) -> Result<Self, StoreError> {
        let place = folder.display().to_string();
        let refuse = |source| StoreError::Folder { folder: place.clone(), source };
        std::fs::create_dir_all(folder).map_err(refuse)?;
        let objects = LocalFileSystem::new_with_prefix(folder)
            .map_err(|source| refuse(std::io::Error::other(source)))?
            .with_fsync(true);
        Ok(Self { objects: Arc::new(objects), root: Path::from(upgrade.as_str()), place })
    }

    /// A store that ends with the process.
    #[must_use]
    pub fn memory(upgrade: &UpgradeId) -> Self {
        let objects = Arc::new(InMemory::new());
        Self { objects, root: Path::from(upgrade.as_str()), place: "memory".to_owned() }
    }

    /// Where the state is, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Creates an object unless one of that name is there.
    ///
    /// # Errors
    /// When it could not be written: it may or may not be there.
    pub async fn create(&self, name: &str, bytes: Vec<u8>) -> Result<Created, StoreError> {
        match self.objects.put_opts(&self.path(name), bytes.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(Created::New),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Created::Existed),
            Err(source) => Err(self.failed(name, "written", source)),
        }
    }

    /// Writes an object, whether or not one of that name is there. Only for what decides nothing.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn replace(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let put = self.objects.put_opts(&self.path(name), bytes.into(), PutMode::Overwrite.into()).await;
        put.map(|_| ()).map_err(|source| self.failed(name, "written", source))
    }

    /// An object's bytes, if there is one of that name.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn read(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let read = async { self.objects.get(&self.path(name)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.failed(name, "read", source)),
        }
    }

    /// The names of the objects under `folder`, in order.
    ///
    /// # Errors
    /// When they could not be listed.
    pub async fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let prefix = self.path(folder);
        let objects: Vec<_> = self
            .objects
            .list(Some(&prefix))
            .try_collect()
            .await
            .map_err(|source| self.failed(folder, "listed", source))?;
        let names = objects.iter().filter_map(|object| object.location.filename());
        let mut names: Vec<String> = names.map(|name| format!("{folder}/{name}")).collect();
        names.sort();
        Ok(names)
    }

    /// An error about an object that is not what this program writes.
    #[must_use]
    pub fn damaged(&self, what: &str, because: impl ToString) -> StoreError {
        StoreError::Damaged { what: what.to_owned(), place: self.place.clone(), because: because.to_string() }
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.root.clone(), |path, part| path.join(part))
    }

    fn failed(&self, what: &str, done: &'static str, source: object_store::Error) -> StoreError {
        StoreError::Object { what: what.to_owned(), done, place: self.place.clone(), source }
    }
}
