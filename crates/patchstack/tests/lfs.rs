//! Large files that git-lfs keeps: what is in the repository are pointers, and patches of them are replayed as such. The real git-lfs
//! does the rest, as the operator has set it up. Where there is none these tests fail, and say what to install.
#![expect(clippy::disallowed_methods, reason = "these tests start git and git-lfs, and give them their own PATH")]

#[path = "support/sandbox.rs"]
mod sandbox;

use std::path::{Path, PathBuf};

use cutover_patchstack::git::{Environment, Git};
use cutover_patchstack::rebase::{self, Standing};
use cutover_patchstack::releases::Conventions;
use cutover_patchstack::repository::Repository;
use cutover_patchstack::stack::{Base, Stack};

use sandbox::Sandbox;

/// A clone in which `*.mp4` is kept by git-lfs, with a patch of ours and a release of upstream's.
struct World {
    sandbox: Sandbox,
    site: PathBuf,
}

impl World {
    /// Ours changes `ours.mp4` and the file `conflict`; upstream changes `conflict` too.
    fn new(conflict: &str) -> Self {
        let sandbox = Sandbox::new(true);
        let site = sandbox.path("site");
        std::fs::create_dir(&site).expect("a folder can be made");
        let world = Self { sandbox, site };
        let installed = world.sandbox.attempt(&world.site, &["lfs", "version"]);
        assert!(installed.status.success(), "there is no git-lfs; `apt-get install git-lfs`, or https://git-lfs.com");
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.git(&["lfs", "install", "--local"]);
        world.git(&["lfs", "track", "*.mp4"]);
        world.commit("old", &[(conflict, "a film\n"), ("ours.mp4", "our film\n"), ("code.py", "1\n")]);
        world.git(&["tag", "old"]);
        world.git(&["checkout", "--quiet", "-b", "ours"]);
        world.commit("ours", &[(conflict, "our cut\n"), ("ours.mp4", "our longer film\n")]);
        world.git(&["checkout", "--quiet", "-b", "up", "old"]);
        world.commit("theirs", &[(conflict, "their cut\n"), ("code.py", "2\n")]);
        world
    }

    fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.sandbox.git(&self.site, arguments)).expect("text").trim().to_owned()
    }

    fn commit(&self, message: &str, files: &[(&str, &str)]) {
        for (name, text) in files {
            std::fs::write(self.site.join(name), text).expect("a file can be written");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    fn repository(&self) -> Repository {
        let git = Git::find(Environment::new(self.sandbox.variables())).expect("a git of 2.40 or later");
        Repository::open(&git, &self.site).expect("it opens")
    }

    fn begin(&self) -> cutover_patchstack::error::Result<Standing> {
        let repository = self.repository();
        let revision = |name: &str| repository.revision(name).expect("a commit");
        let base = Base { commit: revision("old").commit, found: "given".to_owned() };
        let request = rebase::Request {
            conventions: Conventions::default(),
            stack: Stack::list(&repository, revision("ours"), base).expect("a stack"),
            onto: revision("up"),
            target: "mitx/koa".to_owned(),
            skip: Vec::new(),
            folder: Some(self.conflict()),
            accept_loss: None,
            exec: None,
            backwards: false,
        };
        rebase::begin(&repository, request, &mut |_, _| {})
    }

    fn conflict(&self) -> PathBuf {
        self.sandbox.path("conflict")
    }

    /// What a commit has of a file, which is a pointer.
    fn pointer(&self, commit: &str, file: &str) -> String {
        self.git(&["cat-file", "blob", &format!("{commit}:{file}")])
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

#[test]
fn a_patch_of_a_large_file_is_replayed_as_its_pointer() {
    let world = World::new("text.txt");
    let standing = world.begin().expect("it begins");
    assert!(standing.stop.is_some(), "the text conflicts");
    let shown = read(&world.conflict().join("ours.mp4"));
    assert!(shown.starts_with("version https://git-lfs.github.com/spec/v1"), "{shown}");
    std::fs::write(world.conflict().join("text.txt"), "both\n").expect("written");
    world.sandbox.git(&world.conflict(), &["add", "--all"]);
    let done = rebase::proceed(&world.repository(), "mitx/koa", &mut |_, _| {}).expect("it goes on");
    let pointer = world.pointer(done.head.as_str(), "ours.mp4");
    assert!(pointer.starts_with("version https://git-lfs.github.com/spec/v1"), "{pointer}");
    assert_eq!(pointer, world.pointer("ours", "ours.mp4"));
}

#[test]
fn a_large_file_that_both_sides_changed_is_resolved_with_the_file_itself() {
    let world = World::new("both.mp4");
    let stop = world.begin().expect("it begins").stop.expect("it stops");
    assert_eq!(stop.files.iter().map(ToString::to_string).collect::<Vec<_>>(), ["both.mp4"]);
    std::fs::write(world.conflict().join("both.mp4"), "the right cut\n").expect("written");
    world.sandbox.git(&world.conflict(), &["add", "both.mp4"]);
    let done = rebase::proceed(&world.repository(), "mitx/koa", &mut |_, _| {}).expect("it goes on");
    let pointer = world.pointer(done.head.as_str(), "both.mp4");
    assert!(pointer.starts_with("version https://git-lfs.github.com/spec/v1"), "{pointer}");
}

#[test]
fn a_conflict_is_shown_although_large_files_are_not_in_this_clone_and_cannot_be_fetched() {
    let world = World::new("text.txt");
    std::fs::remove_dir_all(world.site.join(".git/lfs/objects")).expect("removed");
    let standing = world.begin().expect("it begins");
    assert!(standing.stop.is_some(), "the text conflicts");
    let shown = read(&world.conflict().join("ours.mp4"));
    assert!(shown.starts_with("version https://git-lfs.github.com/spec/v1"), "{shown}");
    std::fs::write(world.conflict().join("text.txt"), "both\n").expect("written");
    world.sandbox.git(&world.conflict(), &["add", "text.txt"]);
    let done = rebase::proceed(&world.repository(), "mitx/koa", &mut |_, _| {}).expect("it goes on");
    assert_eq!(world.pointer(done.head.as_str(), "ours.mp4"), world.pointer("ours", "ours.mp4"));
}
