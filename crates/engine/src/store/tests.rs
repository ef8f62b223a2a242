//! What a store promises, in memory, in a folder and with objects that fail.

use std::error::Error;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};
use tempfile::TempDir;

use super::folder::unlisted;
use super::*;
use crate::failure::Failure;
use crate::ports::Clock;
use crate::testing::{HandClock, at, memory, now, upgrade};

/// Objects of which the next readings fail, as those of a bucket do now and then.
#[derive(Debug, Default)]
struct Unsteady {
    objects: object_store::memory::InMemory,
    failures: AtomicU32,
    readings: AtomicU32,
    /// Whether readings are never answered.
    is_silent: AtomicBool,
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
        if self.is_silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
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

#[test]
fn what_a_silent_store_is_asked_fails_after_twenty_seconds_and_is_reported_after_five() {
    thread_local! {
        static TOLD: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    let (objects, clock) = (Arc::new(Unsteady::default()), HandClock::new());
    let timer: Timer = {
        let clock = Rc::clone(&clock);
        Rc::new(move |length: Duration| {
            let clock = Rc::clone(&clock);
            Box::pin(async move { clock.sleep(length).await })
        })
    };
    let store = Store::on(Arc::clone(&objects) as _, "", &upgrade(), "a bucket".to_owned())
        .telling(|text| TOLD.with_borrow_mut(|told| told.push(text.to_owned())))
        .limited(timer);
    create(&store, "lease/1.json", "{}");
    assert!(now(store.read("lease/1.json")).is_ok_and(|found| found.is_some()));
    assert_eq!(clock.now(), at(0), "a store that answers is not waited for");
    objects.is_silent.store(true, Ordering::Relaxed);
    let error = now(store.read("lease/1.json")).expect_err("it never answers");
    assert_eq!(clock.now(), at(20));
    assert!(error.source().is_some_and(|why| why.to_string().starts_with("no answer within 20 s")), "{error:?}");
    assert_eq!(TOLD.take(), ["a bucket has not answered for 5 s about lease/1.json; waiting"]);
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

#[test]
fn a_folder_that_was_removed_is_not_created_again_by_a_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, upgrade) = (folder.path().join("state"), upgrade());
    let store = Store::folder(&root, &upgrade).expect("a store");
    std::fs::remove_dir_all(&root).expect("removed");
    for written in [now(store.create("a.json", b"1".to_vec())).map(|_| ()), now(store.replace("b.json", b"1".to_vec()))]
    {
        let error = format!("{:?}", written.expect_err("there is no folder"));
        assert!(error.contains("was removed or replaced"), "{error}");
    }
    assert!(!root.exists());
    std::fs::create_dir(&root).expect("another folder");
    assert!(now(store.create("c.json", b"1".to_vec())).is_err(), "it is not the same one");
    assert_eq!(std::fs::read_dir(&root).expect("a folder").count(), 0);
}
