//! Where an upgrade's state is stored: a folder, a bucket, or memory for rehearsals, through `object_store`.
//!
//! Everything on which decisions depend is an object that is created once and never changed: journal records, lease
//! epochs, decisions, plans. Both a folder and S3 create objects atomically. The meaning of the objects is defined
//! elsewhere.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path as FolderPath, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::{Either, LocalBoxFuture, select};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode};

use cutover_core::names::UpgradeId;

use crate::failure::Failure;
use crate::retry;

/// How long an answer of the state may take, before it counts as failed: a folder on another machine may never answer.
pub const ANSWER: Duration = Duration::from_secs(20);
/// After how long it is said that an answer is waited for.
const WORTH_SAYING: Duration = Duration::from_secs(5);

/// Waits for a length of wall time.
pub type Timer = fn(Duration) -> LocalBoxFuture<'static, ()>;

/// The store of one upgrade.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    location: String,
    /// The folder that contains `objects`, if the store is a folder.
    folder: Option<PathBuf>,
    strangers: Arc<Strangers>,
    /// For the limit of each answer. A store without a timer answers at once, or in its own time.
    timer: Option<Timer>,
}

/// Objects that this program has not written. Each one is reported once.
#[derive(Debug, Default)]
struct Strangers {
    seen: Mutex<BTreeSet<String>>,
    tell: Option<fn(&str)>,
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
    #[error("{what} could not be {done} in {location}")]
    Object {
        /// The object.
        what: String,
        /// `read`, `written` or `listed`.
        done: &'static str,
        /// The store.
        location: String,
        /// Why: the failure of the call, if the store's errors contain one.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something else was being written under the same name at the same time, so the store did nothing (S3's error
    /// 409).
    #[error("{what} could not be written in {location}: something else was being written there at that moment")]
    Contended {
        /// The object.
        what: String,
        /// The store.
        location: String,
    },
    /// An object is not what this program writes.
    #[error("{what} in {location} is damaged or was written by something else: {because}")]
    Damaged {
        /// The object.
        what: String,
        /// The store.
        location: String,
        /// What is wrong with it.
        because: String,
    },
}

impl StoreError {
    fn object(what: &str, done: &'static str, location: &str, error: object_store::Error) -> Self {
        let source = match failure_behind(&error) {
            Some(failure) => Box::new(failure.clone()) as _,
            None => Box::new(error) as _,
        };
        Self::Object { what: what.to_owned(), done, location: location.to_owned(), source }
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let of_the_call = match self {
            Self::Damaged { .. } => {
                return "restore what is named above from a backup of the state, or use the version of cutover that \
                        wrote it; do not delete records: they are the only record of what has happened"
                    .to_owned();
            }
            Self::Object { source, .. } => source.downcast_ref().and_then(|failure: &Failure| failure.hint.as_deref()),
            Self::Folder { .. } | Self::Contended { .. } => None,
        };
        let hint = of_the_call.unwrap_or("make sure that the state can be read and written");
        format!("{hint}; then run the same command. Everything on record is kept")
    }
}

/// The failure that caused an error of a store. The errors of a team's bucket are created from failures.
fn failure_behind(error: &object_store::Error) -> Option<&Failure> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(failure) = inner.downcast_ref() {
            return Some(failure);
        }
        source = inner.source();
    }
    None
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
        let store = Self::new(Arc::new(objects), Path::from(upgrade.as_str()), location);
        Ok(Self { folder: Some(folder.to_owned()), ..store })
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
        Self { strangers: Arc::new(Strangers { seen: Mutex::default(), tell: Some(tell) }), ..self }
    }

    /// The same store, which says when an answer takes long, and whose calls fail without an answer after [`ANSWER`].
    /// A write may then still happen later.
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
        match self.answer(name, self.objects.put_opts(&path, bytes.into(), PutMode::Create.into())).await {
            Ok(_) => Ok(Created::New),
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
        let put = self.answer(name, self.objects.put_opts(&path, bytes.into(), PutMode::Overwrite.into())).await;
        put.map(|_| ()).map_err(|source| self.failed(name, "written", source))
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
            let path = root.join(self.root.as_ref()).join(folder);
            let listed = retry::at_once(|_| false, async || beside(path.clone(), names_in).await.map_err(unlisted));
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
        let Some(timer) = self.timer else { return asked.await };
        let mut asked = pin!(asked);
        if let Either::Left((answer, _)) = select(&mut asked, timer(WORTH_SAYING)).await {
            return answer;
        }
        let (location, seconds) = (&self.location, WORTH_SAYING.as_secs());
        self.warn(&format!("{location} has not answered for {seconds} s about {what}; waiting"));
        match select(asked, timer(ANSWER - WORTH_SAYING)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(object_store::Error::Generic { store: "state", source: Box::new(no_answer()) }),
        }
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

/// The number in a name such as `00000042.json`, the form of all numbered objects; `None` for any other name. Numbers
/// have eight digits, and more only if eight are not enough.
#[must_use]
pub fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    let is_number = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

impl Strangers {
    fn meet(&self, what: &str) {
        // A file's name may contain control characters, which must not reach a terminal.
        let text: String = what
            .chars()
            .flat_map(|shown| match shown.is_control() {
                true => shown.escape_default().collect::<Vec<char>>(),
                false => vec![shown],
            })
            .collect();
        let is_new = self.seen.lock().is_ok_and(|mut seen| seen.insert(text.clone()));
        if let Some(tell) = self.tell.filter(|_| is_new) {
            tell(&text);
        }
    }
}

fn no_answer() -> Failure {
    Failure::in_doubt(format!("no answer within {} s", ANSWER.as_secs()))
}

/// Reads a folder in another thread if there is a runtime: in the thread of a conductor it would hold up its timers and
/// signals too.
async fn beside<T: Send + 'static>(folder: PathBuf, read: fn(&FolderPath) -> std::io::Result<T>) -> std::io::Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(move || read(&folder)).await?,
        Err(_) => read(&folder),
    }
}

/// The names in a folder on disk; none if there is no such folder. A name that is not valid text, or that no object
/// could have, is listed like any other: only reading it fails.
fn names_in(folder: &FolderPath) -> std::io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    // A file that was half written before a crash does not count as an object, and is not reported.
    let names: std::io::Result<Vec<String>> = names.collect();
    Ok(names?.into_iter().filter(|name| !name.contains(".json#")).collect())
}

fn unlisted(source: std::io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(source) }
}

/// That an object does not exist is an answer, so it is not useful to ask again.
fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use futures_util::StreamExt;
    use futures_util::stream::BoxStream;
    use object_store::{
        CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, PutMultipartOptions, PutOptions, PutPayload,
        PutResult,
    };
    use tempfile::TempDir;

    use super::*;
    use crate::testing::{memory, now, upgrade};

    /// Objects of which the next readings fail, as those of a bucket do now and then.
    #[derive(Debug, Default)]
    struct Unsteady {
        objects: object_store::memory::InMemory,
        failures: AtomicU32,
        readings: AtomicU32,
    }

    impl std::fmt::Display for Unsteady {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an unsteady bucket")
        }
    }

    impl Unsteady {
        /// How many readings were made so far, of which the next `failures` will fail.
        fn fail(&self, failures: u32) -> u32 {
            self.failures.store(failures, Ordering::Relaxed);
            self.readings.swap(0, Ordering::Relaxed)
        }

        fn reading(&self) -> object_store::Result<()> {
            self.readings.fetch_add(1, Ordering::Relaxed);
            match self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
                Ok(_) => Err(unlisted(std::io::ErrorKind::ConnectionReset.into())),
                Err(_) => Ok(()),
            }
        }
    }

    #[async_trait]
    impl ObjectStore for Unsteady {
        async fn put_opts(
            &self,
            location: &Path,
            payload: PutPayload,
            options: PutOptions,
        ) -> object_store::Result<PutResult> {
            self.objects.put_opts(location, payload, options).await
        }

        async fn put_multipart_opts(
            &self,
            location: &Path,
            options: PutMultipartOptions,
        ) -> object_store::Result<Box<dyn MultipartUpload>> {
            self.objects.put_multipart_opts(location, options).await
        }

        async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
            self.reading()?;
            self.objects.get_opts(location, options).await
        }

        fn delete_stream(
            &self,
            locations: BoxStream<'static, object_store::Result<Path>>,
        ) -> BoxStream<'static, object_store::Result<Path>> {
            self.objects.delete_stream(locations)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
            match self.reading() {
                Ok(()) => self.objects.list(prefix),
                Err(error) => futures_util::stream::iter([Err(error)]).boxed(),
            }
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
            self.objects.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
            self.objects.copy_opts(from, to, options).await
        }
    }

    #[test]
    fn a_reading_that_fails_is_made_three_times_and_one_that_finds_nothing_once() {
        let objects = Arc::new(Unsteady::default());
        let store = Store::on(Arc::clone(&objects) as _, "", &upgrade(), "a bucket".to_owned());
        create(&store, "lease/1.json", "{}");
        for failures in [2, 3] {
            objects.fail(failures);
            assert_eq!(now(store.read("lease/1.json")).is_ok(), failures == 2);
            assert_eq!(objects.fail(failures), 3);
            assert_eq!(now(store.exists("lease/1.json")).is_ok(), failures == 2);
            assert_eq!(objects.fail(failures), 3);
            assert_eq!(now(store.list("lease", |_| true)).is_ok(), failures == 2);
            assert_eq!(objects.fail(0), 3);
        }
        assert!(matches!(now(store.read("lease/2.json")), Ok(None)));
        assert_eq!(objects.fail(0), 1);
        assert!(matches!(now(store.exists("lease/2.json")), Ok(false)));
        assert_eq!(objects.fail(0), 1);
    }

    /// Runs the same check on a store in memory and on one in a folder.
    fn in_both_stores(check: impl Fn(&Store)) {
        check(&memory());
        let folder = TempDir::new().expect("a folder");
        check(&Store::folder(folder.path(), &upgrade()).expect("a store"));
    }

    fn text(store: &Store, name: &str) -> Option<String> {
        let bytes = now(store.read(name)).expect("it can be read")?;
        Some(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    fn create(store: &Store, name: &str, text: &str) -> Created {
        now(store.create(name, text.into())).expect("it can be written")
    }

    #[test]
    fn what_was_created_once_is_never_created_again_nor_changed() {
        in_both_stores(|store| {
            assert_eq!(create(store, "journal/1", "first"), Created::New);
            assert_eq!(create(store, "journal/1", "second"), Created::Existed);
            assert_eq!(text(store, "journal/1").as_deref(), Some("first"));
        });
    }

    #[test]
    fn replacing_writes_whether_or_not_something_was_there() {
        in_both_stores(|store| {
            for words in ["one", "two"] {
                now(store.replace("lease/1", words.into())).expect("it can be written");
                assert_eq!(text(store, "lease/1").as_deref(), Some(words));
            }
        });
    }

    #[test]
    fn what_is_not_there_reads_as_nothing_and_lists_as_nothing() {
        in_both_stores(|store| {
            assert_eq!(text(store, "journal/1"), None);
            assert_eq!(now(store.list("journal", |_| true)).expect("it can be listed"), Vec::<String>::new());
        });
    }

    #[test]
    fn a_list_is_in_order_and_holds_only_that_folder() {
        in_both_stores(|store| {
            for name in ["journal/00000010", "journal/00000002", "journals/3", "lease/1", "journal/00000001"] {
                create(store, name, "");
            }
            let listed = now(store.list("journal", |_| true)).expect("it can be listed");
            assert_eq!(listed, ["journal/00000001", "journal/00000002", "journal/00000010"]);
        });
    }

    #[test]
    fn other_programs_files_are_skipped_everywhere_and_reported_once() {
        static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let folder = TempDir::new().expect("a folder");
        let store = Store::folder(folder.path(), &upgrade()).expect("a store");
        let store = store.telling(|text| TOLD.lock().expect("the lock is not poisoned").push(text.to_owned()));
        create(&store, "journal/1", "ours");
        let journal = folder.path().join(upgrade().as_str()).join("journal");
        std::fs::create_dir(journal.join("old")).expect("a folder");
        for name in [".DS_Store", "old/1", "1~"] {
            std::fs::write(journal.join(name), "theirs").expect("a file");
        }
        for _ in 0..2 {
            assert_eq!(now(store.list("journal", |name| name == "1")).expect("it can be listed"), ["journal/1"]);
        }
        let told = TOLD.lock().expect("the lock is not poisoned");
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().any(|text| text.starts_with("journal/old in ")), "{told:?}");
    }

    #[cfg(unix)]
    #[test]
    fn no_name_of_a_file_makes_a_folder_unreadable_or_acts_on_a_terminal() {
        use std::os::unix::ffi::OsStrExt;
        static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let folder = TempDir::new().expect("a folder");
        let store = Store::folder(folder.path(), &upgrade()).expect("a store");
        let store = store.telling(|text| TOLD.lock().expect("the lock is not poisoned").push(text.to_owned()));
        create(&store, "lease/00000001.json", "ours");
        let leases = folder.path().join(upgrade().as_str()).join("lease");
        for name in [&b"Icon\r"[..], b"\xff\xfe", b"a\nb", b"\x1b[2J", b"a%2fb", b"~$x", b"C\xc3\xa9.json"] {
            std::fs::write(leases.join(std::ffi::OsStr::from_bytes(name)), "theirs").expect("a file");
        }
        std::os::unix::fs::symlink(leases.join("loop"), leases.join("loop")).expect("a link");
        let listed = now(store.list("lease", |name| number_of(name).is_some())).expect("it can be listed");
        assert_eq!(listed, ["lease/00000001.json"]);
        let told = TOLD.lock().expect("the lock is not poisoned");
        assert_eq!(told.len(), 8, "{told:?}");
        assert!(told.iter().all(|text| !text.contains(char::is_control)), "{told:?}");
    }

    #[test]
    fn numbers_go_on_past_eight_digits_in_their_order() {
        in_both_stores(|store| {
            for name in ["decisions/100000000.json", "decisions/99999999.json", "decisions/00000001.json"] {
                create(store, name, "");
            }
            let listed = now(store.list("decisions", |name| number_of(name).is_some())).expect("it can be listed");
            assert_eq!(listed, ["decisions/00000001.json", "decisions/99999999.json", "decisions/100000000.json"]);
        });
    }

    #[test]
    fn upgrades_in_one_folder_do_not_see_each_other() {
        let folder = TempDir::new().expect("a folder");
        let [koa, lilac] = ["koa", "koa-2"].map(|name| Store::folder(folder.path(), &name.into()).expect("a store"));
        create(&koa, "journal/1", "koa");
        assert_eq!(text(&lilac, "journal/1"), None);
        assert!(now(lilac.list("journal", |_| true)).expect("it can be listed").is_empty());
    }

    #[test]
    fn what_is_in_a_folder_is_there_for_the_next_process() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("state").join("deep");
        create(&Store::folder(&path, &upgrade()).expect("a store"), "journal/1", "kept");
        let next = Store::folder(&path, &upgrade()).expect("a store");
        assert_eq!(text(&next, "journal/1").as_deref(), Some("kept"));
    }

    #[test]
    fn a_write_that_a_crash_left_half_done_is_not_listed() {
        let folder = TempDir::new().expect("a folder");
        let store = Store::folder(folder.path(), &upgrade()).expect("a store");
        create(&store, "journal/00000001.json", "whole");
        let half = folder.path().join(upgrade().as_str()).join("journal/00000002.json#1");
        std::fs::write(half, "ha").expect("a file");
        assert_eq!(now(store.list("journal", |_| true)).expect("it can be listed"), ["journal/00000001.json"]);
        assert_eq!(create(&store, "journal/00000002.json", "whole"), Created::New);
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_not_an_empty_one() {
        let folder = TempDir::new().expect("a folder");
        let store = Store::folder(folder.path(), &upgrade()).expect("a store");
        create(&store, "lease/00000001.json", "");
        std::fs::write(folder.path().join(upgrade().as_str()).join("journal"), "").expect("a file");
        let error = now(store.list("journal", |_| true)).expect_err("a file is in the way");
        assert!(error.to_string().starts_with("journal could not be listed in "), "{error}");
    }

    #[test]
    fn an_error_made_from_a_failure_shows_that_failure_and_its_hint() {
        let failure = Failure::permanent("s3 PutObject was refused: NoSuchBucket").with_hint("check the bucket's name");
        let made = object_store::Error::Generic { store: "S3", source: Box::new(failure) };
        let error = StoreError::object("journal/1", "written", "the bucket of the team", made);
        let source = error.source().expect("a reason").to_string();
        assert_eq!(source, "s3 PutObject was refused: NoSuchBucket; check the bucket's name");
        assert!(error.hint().starts_with("check the bucket's name; then run the same command"), "{}", error.hint());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_the_reason() {
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("a file");
        let path = file.join("state");
        let error = Store::folder(&path, &upgrade()).expect_err("a file is in the way");
        assert_eq!(error.to_string(), format!("the state folder {} cannot be used", path.display()));
        assert!(std::error::Error::source(&error).is_some(), "{error:?}");
    }

    #[test]
    fn an_object_that_cannot_be_written_is_named_with_its_location() {
        let folder = TempDir::new().expect("a folder");
        let store = Store::folder(folder.path(), &upgrade()).expect("a store");
        let in_the_way = folder.path().join(upgrade().as_str());
        std::fs::write(in_the_way, "").expect("a file");
        let error = now(store.create("journal/1", Vec::new())).expect_err("a file is in the way");
        let location = folder.path().display();
        assert_eq!(error.to_string(), format!("journal/1 could not be written in {location}"));
    }
}
