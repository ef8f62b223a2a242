//! The store of one upgrade, and the objects in it.

use std::path::Path as FolderPath;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode};

use cutover_core::names::UpgradeId;

use super::answer::{Timer, no_answer, within_limit};
use super::error::StoreError;
use super::folder::{OneFolder, names, unlisted};
use super::strangers::Strangers;
use crate::retry;

/// The store of one upgrade.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    location: String,
    /// The folder that contains `objects`, if the store is a folder.
    folder: Option<OneFolder>,
    strangers: Arc<Strangers>,
    /// For the limit of each answer. A store without a timer answers at once, or in its own time.
    timer: Option<Timer>,
}

/// The object by which it is found out whether the state can be written.
const PROBE: &str = "probe.json";

/// The result of creating an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was created.
    New,
    /// An object with that name existed before, and is unchanged.
    Existed,
}

impl Store {
    /// A store in `folder`, which is created if it does not exist. Writes are on disk before they return.
    ///
    /// # Errors
    /// When the folder cannot be created or used.
    pub fn folder(folder: &FolderPath, upgrade: &UpgradeId) -> Result<Self, StoreError> {
        let location = folder.display().to_string();
        let refuse = |source| StoreError::Folder { folder: location.clone(), source };
        std::fs::create_dir_all(folder).map_err(refuse)?;
        let objects = LocalFileSystem::new_with_prefix(folder)
            .map_err(|source| refuse(std::io::Error::other(source)))?
            .with_fsync(true)
            // A probe is all that is ever removed, and it leaves no empty folders behind.
            .with_automatic_cleanup(true);
        let this = OneFolder::at(folder).map_err(refuse)?;
        let store = Self::new(Arc::new(objects), Path::from(upgrade.as_str()), location);
        Ok(Self { folder: Some(this), ..store })
    }

    /// A store in other objects, such as a bucket that a team shares; `location` is its name for people. Creating an
    /// object must be atomic there, and `objects` must not repeat writes.
    #[must_use]
    pub fn on(objects: Arc<dyn ObjectStore>, folder: &str, upgrade: &UpgradeId, location: String) -> Self {
        Self::new(objects, Path::from(folder).join(upgrade.as_str()), location)
    }

    /// A store in memory, which ends with the process.
    #[must_use]
    pub fn memory(upgrade: &UpgradeId) -> Self {
        Self::new(Arc::new(InMemory::new()), Path::from(upgrade.as_str()), "memory".to_owned())
    }

    fn new(objects: Arc<dyn ObjectStore>, root: Path, location: String) -> Self {
        Self { objects, root, location, folder: None, strangers: Arc::default(), timer: None }
    }

    /// The same store, which reports every object that this program has not written, each one once.
    #[must_use]
    pub fn telling(self, tell: fn(&str)) -> Self {
        Self { strangers: Arc::new(Strangers::told_by(tell)), ..self }
    }

    /// The same store, which says when an answer takes long, and whose calls fail without an answer after
    /// [`ANSWER`](super::ANSWER). A write may then still happen later.
    #[must_use]
    pub fn limited(self, timer: Timer) -> Self {
        Self { timer: Some(timer), ..self }
    }

    /// Where the state is, for people.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Creates an object, unless one with that name exists.
    ///
    /// # Errors
    /// When it could not be written. It may or may not exist then.
    pub async fn create(&self, name: &str, bytes: Vec<u8>) -> Result<Created, StoreError> {
        let path = self.path(name);
        match self.put(name, &path, bytes, PutMode::Create).await {
            Ok(()) => Ok(Created::New),
            // S3 also answers 409 while another write of the object is under way, which may still fail.
            Err(object_store::Error::AlreadyExists { .. }) => match self.exists(name).await? {
                true => Ok(Created::Existed),
                false => Err(StoreError::Contended { what: name.to_owned(), location: self.location.clone() }),
            },
            Err(source) => Err(self.failed(name, "written", source)),
        }
    }

    /// Whether an object with that name exists.
    ///
    /// # Errors
    /// When that could not be read.
    pub async fn exists(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.path(name);
        match self.answer(name, retry::at_once(is_missing, async || self.objects.head(&path).await)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(self.failed(name, "read", source)),
        }
    }

    /// Writes an object, whether or not one with that name exists. Only for objects on which no decision depends.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn replace(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let path = self.path(name);
        let put = self.put(name, &path, bytes, PutMode::Overwrite).await;
        put.map_err(|source| self.failed(name, "written", source))
    }

    /// Writes an object. A state folder that was removed is not created again: an object alone in it would look like the
    /// state of an upgrade. If it was removed during the write, which creates it, the object is removed as well.
    async fn put(&self, name: &str, path: &Path, bytes: Vec<u8>, mode: PutMode) -> object_store::Result<()> {
        self.is_still_there()?;
        self.answer(name, self.objects.put_opts(path, bytes.into(), mode.into())).await?;
        if let Err(gone) = self.is_still_there() {
            let _ = self.answer(name, self.objects.delete(path)).await;
            return Err(gone);
        }
        Ok(())
    }

    fn is_still_there(&self) -> object_store::Result<()> {
        match &self.folder {
            Some(folder) => folder.is_still_there().map_err(unlisted),
            None => Ok(()),
        }
    }

    /// Writes an object that means nothing, and removes it again, to find out whether the state can be written. It has
    /// the same name each time, so that at most one stays where objects may be written but not removed, as in a bucket
    /// with the policy that cutover prints.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.replace(PROBE, b"{}".to_vec()).await?;
        let _ = self.answer(PROBE, self.objects.delete(&self.path(PROBE))).await;
        Ok(())
    }

    /// The bytes of the object with that name, if it exists.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn read(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let path = self.path(name);
        let read = retry::at_once(is_missing, async || self.objects.get(&path).await?.bytes().await);
        match self.answer(name, read).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.failed(name, "read", source)),
        }
    }

    /// Lists this program's objects in `folder`, in order; `is_ours` recognises them. Others, such as a file manager's
    /// own files, are reported once and skipped.
    ///
    /// # Errors
    /// When they could not be listed.
    pub async fn list(&self, folder: &str, is_ours: impl Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for name in self.names(folder).await? {
            match is_ours(&name) {
                true => names.push(format!("{folder}/{name}")),
                false => {
                    let (location, upgrade) = (&self.location, &self.root);
                    self.warn(&format!(
                        "{folder}/{name} in {location}/{upgrade} is not a file of cutover, and is ignored"
                    ));
                }
            }
        }
        // Numbers with more digits come after the others.
        names.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        Ok(names)
    }

    /// The names of all objects in `folder`, including those of other programs, relative to the folder.
    async fn names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        if let Some(root) = &self.folder {
            let path = root.path().join(self.root.as_ref()).join(folder);
            let listed = retry::at_once(|_| false, async || names(path.clone()).await);
            return self.answer(folder, listed).await.map_err(|source| self.failed(folder, "listed", source));
        }
        let prefix = self.path(folder);
        let listed = retry::at_once(is_missing, async || self.objects.list(Some(&prefix)).try_collect().await);
        let objects: Vec<ObjectMeta> =
            self.answer(folder, listed).await.map_err(|source| self.failed(folder, "listed", source))?;
        let after = |object: &ObjectMeta| object.location.as_ref().strip_prefix(prefix.as_ref()).map(str::to_owned);
        Ok(objects.iter().filter_map(after).map(|name| name.trim_start_matches('/').to_owned()).collect())
    }

    /// The answer of the store about `what`, within the limit.
    async fn answer<T>(
        &self,
        what: &str,
        asked: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        let Some(timer) = &self.timer else { return asked.await };
        let location = &self.location;
        let say = |seconds| self.warn(&format!("{location} has not answered for {seconds} s about {what}; waiting"));
        within_limit(timer, say, asked).await
    }

    /// The error for an object that the store says nothing about.
    pub(crate) fn silent(&self, what: &str, done: &'static str) -> StoreError {
        let (what, location) = (what.to_owned(), self.location.clone());
        StoreError::Object { what, done, location, source: Box::new(no_answer()) }
    }

    /// Warns of something in the state, once.
    pub(crate) fn warn(&self, text: &str) {
        self.strangers.meet(text);
    }

    /// An error about an object that is not what this program writes.
    #[must_use]
    pub fn damaged(&self, what: &str, because: impl std::fmt::Display) -> StoreError {
        StoreError::Damaged { what: what.to_owned(), location: self.location.clone(), because: because.to_string() }
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.root.clone(), Path::join)
    }

    fn failed(&self, what: &str, done: &'static str, source: object_store::Error) -> StoreError {
        StoreError::object(what, done, &self.location, source)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("location", &self.location).field("root", &self.root).finish_non_exhaustive()
    }
}

/// The number in a name such as `00000042.json`, the form of all numbered objects; `None` for any other name. Numbers
/// have eight digits, and more only if eight are not enough.
#[must_use]
pub fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    let is_number = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// That an object does not exist is an answer, so it is not useful to ask again.
fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
}
