//! Nothing of the operator's changes but what a command is named for: every file of the clone and of its work trees is
//! compared before and after each command, byte for byte, with the index, HEAD, the stash, all refs and the
//! configuration. What may change is in [`OURS`].
#![expect(clippy::disallowed_methods, reason = "these tests start git, and give it their own PATH")]

#[path = "support/sandbox.rs"]
mod sandbox;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cutover_patchstack::forecast::{Fate, forecast};
use cutover_patchstack::git::{Environment, Git};
use cutover_patchstack::rebase::{self, Standing};
use cutover_patchstack::releases::Conventions;
use cutover_patchstack::repository::Repository;
use cutover_patchstack::stack::{Stack, compute_base};
use cutover_patchstack::{create, mirror, patches, publish, remote, status, verify};

use sandbox::Sandbox;

const BRANCH: &str = "mitx/koa";
const ONTO: &str = "upstream/open-release/koa.rc2";

/// Parts of a git directory that are cutover's own. Objects are git's to add to.
const OURS: [&str; 6] =
    ["objects/", "cutover/", "refs/cutover/", "refs/notes/cutover", "logs/refs/cutover/", "logs/refs/notes/cutover"];

#[test]
fn an_ordinary_clone_with_a_dirty_tree_is_left_alone() {
    let world = World::new();
    let site = world.clone_of("site", &[]);
    world.git(&site, &["checkout", "--quiet", BRANCH]);
    dirty(&world, &site);
    world.every_command(&site, &[&site]);
}

#[test]
fn a_bare_clone_is_left_alone() {
    let world = World::new();
    let site = world.clone_of("site.git", &["--bare"]);
    world.every_command(&site, &[&site]);
}

#[test]
fn a_linked_work_tree_with_a_detached_head_is_left_alone() {
    let world = World::new();
    let site = world.clone_of("site", &[]);
    world.git(&site, &["checkout", "--quiet", "--detach", BRANCH]);
    let linked = world.sandbox.path("linked");
    world.git(&site, &["worktree", "add", "--quiet", "--detach", &linked.to_string_lossy(), BRANCH]);
    dirty(&world, &linked);
    world.every_command(&linked, &[&site, &linked]);
}

#[test]
fn the_operators_own_rebase_of_another_branch_is_left_alone() {
    let world = World::new();
    let site = world.clone_of("site", &[]);
    world.git(&site, &["checkout", "--quiet", "-b", "feature", "upstream/open-release/koa.rc1"]);
    std::fs::write(site.join("a.py"), lines(10, "the feature's own")).expect("a file can be written");
    world.git(&site, &["commit", "--quiet", "--all", "--message=feature"]);
    let stopped = world.sandbox.attempt(&site, &["rebase", ONTO]);
    assert!(!stopped.status.success() && site.join(".git/rebase-merge").is_dir(), "the rebase stops at a conflict");
    world.every_command(&site, &[&site]);
    world.git(&site, &["rebase", "--skip"]);
}

/// Changes of all kinds that an operator could lose: staged, not staged, unknown to git, and stashed.
fn dirty(world: &World, tree: &Path) {
    let write = |name: &str, text: &str| std::fs::write(tree.join(name), text).expect("a file can be written");
    write("b.py", "stashed\n");
    world.git(tree, &["stash", "push", "--quiet"]);
    write("b.py", "staged\n");
    world.git(tree, &["add", "b.py"]);
    write("b.py", "staged, and then changed\n");
    write("a.py", "not staged\n");
    write("unknown", "to git\n");
}

/// Twelve lines, of which one reads otherwise.
fn lines(changed: usize, text: &str) -> String {
    (1..=12).map(|line| if line == changed { format!("{text}\n") } else { format!("line {line}\n") }).collect()
}

/// Upstream, origin, and clones of them.
struct World {
    sandbox: Sandbox,
    conventions: Conventions,
}

impl World {
    /// Upstream with two candidates of koa and a lilac; origin with three patches on the first, of which one conflicts.
    fn new() -> Self {
        let world = Self { sandbox: Sandbox::new(true), conventions: Conventions::default() };
        let maker = world.sandbox.path("maker");
        std::fs::create_dir(&maker).expect("a folder can be made");
        for name in ["upstream.git", "origin.git"] {
            world.git(&maker, &["init", "--quiet", "--bare", &world.path(name)]);
        }
        world.git(&maker, &["init", "--quiet", "--initial-branch=main"]);
        let commit = |message: &str, files: &[(&str, String)]| {
            for (name, text) in files {
                std::fs::write(maker.join(name), text).expect("a file can be written");
            }
            world.git(&maker, &["add", "--all"]);
            world.git(&maker, &["commit", "--quiet", "--message", message]);
        };
        let push = |to: &str, branch: &str| {
            world.git(&maker, &["push", "--quiet", &world.path(to), &format!("HEAD:refs/heads/{branch}")]);
        };
        commit("first", &[("a.py", lines(0, "")), ("b.py", lines(0, ""))]);
        push("upstream.git", "open-release/koa.rc1");
        world.git(&maker, &["checkout", "--quiet", "-b", "ours"]);
        commit("applies", &[("b.py", lines(3, "ours"))]);
        commit("conflicts", &[("a.py", lines(10, "ours"))]);
        commit("a file more", &[("new.py", "new\n".to_owned())]);
        push("origin.git", BRANCH);
        world.git(&maker, &["checkout", "--quiet", "main"]);
        commit("upstream's own", &[("a.py", lines(10, "theirs"))]);
        push("upstream.git", "open-release/koa.rc2");
        push("upstream.git", "open-release/lilac.master");
        world
    }

    fn path(&self, name: &str) -> String {
        self.sandbox.path(name).to_string_lossy().into_owned()
    }

    fn git(&self, folder: &Path, arguments: &[&str]) {
        self.sandbox.git(folder, arguments);
    }

    /// A clone with both remotes and our branch.
    fn clone_of(&self, name: &str, options: &[&str]) -> PathBuf {
        let site = self.sandbox.path(name);
        let path = self.path(name);
        let init = [&["init", "--quiet", "--initial-branch=main"], options, &[&path]].concat();
        self.git(&self.sandbox.path("maker"), &init);
        for remote in ["upstream", "origin"] {
            self.git(&site, &["remote", "add", remote, &self.path(&format!("{remote}.git"))]);
            self.git(&site, &["fetch", "--quiet", remote]);
        }
        self.git(&site, &["branch", BRANCH, "origin/mitx/koa"]);
        site
    }

    /// Does every command in `site`, and compares all files of `folders` after each.
    fn every_command(&self, site: &Path, folders: &[&Path]) {
        let git = Git::find(Environment::new(self.sandbox.variables())).expect("a git of 2.40 or later");
        let repository = Repository::open(&git, site).expect("it opens");
        let commands = Commands { world: self, repository, conflict: self.sandbox.path("conflict") };
        let untouched = |command: &str, named: &[&str], work: &dyn Fn()| {
            let before = Snapshot::of(folders);
            work();
            let after = Snapshot::of(folders);
            let changed = after.changed(&before, named);
            assert!(changed.is_empty(), "{command} changed {changed:?}");
        };
        let shown = "worktrees/conflict/";
        untouched("status", &[], &|| commands.status());
        untouched("patches", &[], &|| commands.patches());
        untouched("forecast", &[], &|| commands.forecast());
        untouched("rebase", &[shown], &|| commands.begin());
        untouched("rebase, shown again", &[], &|| commands.standing());
        untouched("rebase --abort", &[shown], &|| commands.abort());
        untouched("rebase and its --abort", &[], &|| {
            commands.begin();
            commands.abort();
        });
        untouched("rebase with --skip and --abort", &[], &|| {
            commands.begin();
            commands.skip();
            commands.abort();
        });
        untouched("rebase with --continue", &[], &|| {
            commands.begin();
            commands.resolve();
        });
        untouched("verify", &[], &|| commands.verify());
        let remotes = ["refs/remotes/origin/mitx/koa", "logs/refs/remotes/origin/mitx/koa"];
        untouched("publish", &remotes, &|| commands.publish());
        let copies = ["refs/remotes/origin/open-release/", "logs/refs/remotes/origin/open-release/"];
        untouched("mirror", &copies, &|| commands.mirror());
        let branch = ["refs/heads/mitx/lilac", "logs/refs/heads/mitx/lilac", "config"];
        untouched("create", &branch, &|| commands.create());
    }
}

/// The commands, on one clone. Each sees that it did something.
struct Commands<'a> {
    world: &'a World,
    repository: Repository,
    /// Where conflicts are shown.
    conflict: PathBuf,
}

impl Commands<'_> {
    fn stack(&self) -> Stack {
        let conventions = &self.world.conventions;
        let branch = self.repository.revision(BRANCH).expect("our branch is there");
        let base = compute_base(&self.repository, conventions, &branch, None).expect("the base is found");
        let stack = Stack::list(&self.repository, branch, base).expect("the stack is listed");
        assert_eq!(stack.patches.len(), 3);
        stack
    }

    fn status(&self) {
        let status = status::status(&self.repository, &self.world.conventions).expect("the status is known");
        assert_eq!(status.len(), 1);
    }

    fn patches(&self) {
        let branch = self.repository.revision(BRANCH).expect("our branch is there");
        let conventions = &self.world.conventions;
        let survey = conventions.survey(&self.repository).expect("the refs are listed");
        let listing = patches::list(&self.repository, conventions, &survey, &branch, None).expect("they are listed");
        assert_eq!(listing.patches.len(), 3);
    }

    fn forecast(&self) {
        let onto = self.repository.revision(ONTO).expect("the release is there");
        let forecast = forecast(&self.repository, &self.stack(), &onto, &mut |_, _| {}).expect("it is forecast");
        let fates: Vec<Fate> = forecast.patches.iter().map(|patch| patch.fate).collect();
        assert_eq!(fates, [Fate::Applies, Fate::Conflicts, Fate::Applies]);
    }

    fn begin(&self) {
        let request = rebase::Request {
            conventions: self.world.conventions.clone(),
            stack: self.stack(),
            onto: self.repository.revision(ONTO).expect("the release is there"),
            target: BRANCH.to_owned(),
            skip: Vec::new(),
            folder: Some(self.conflict.clone()),
            accept_loss: None,
            exec: None,
            backwards: false,
        };
        let standing = rebase::begin(&self.repository, request, &mut |_, _| {}).expect("it begins");
        assert_eq!(standing.stop.expect("it stops").subject, "conflicts");
        assert!(self.conflict.join("a.py").is_file(), "the conflict is shown");
    }

    fn standing(&self) {
        let standing = rebase::standing(&self.repository, BRANCH).expect("it can be told");
        assert!(standing.is_some_and(|standing| standing.stop.is_some()));
    }

    fn abort(&self) {
        rebase::abort(&self.repository, BRANCH).expect("it is given up");
        assert!(!self.conflict.exists(), "the folder is gone");
    }

    fn skip(&self) {
        let patch = self.stack().patches[1].commit.to_string();
        let standing = rebase::skip(&self.repository, BRANCH, &patch, "not wanted", &mut |_, _| {});
        assert!(done(&standing.expect("it goes on")), "it comes to its end");
    }

    fn resolve(&self) {
        std::fs::write(self.conflict.join("a.py"), lines(10, "theirs and ours")).expect("a file can be written");
        self.world.git(&self.conflict, &["add", "a.py"]);
        let standing = rebase::proceed(&self.repository, BRANCH, &mut |_, _| {}).expect("it goes on");
        assert!(done(&standing), "it comes to its end");
    }

    fn verify(&self) {
        let request = verify::Request {
            conventions: self.world.conventions.clone(),
            branch: BRANCH.to_owned(),
            old: None,
            new: None,
            explained: Vec::new(),
            backwards: false,
        };
        let at = jiff::Timestamp::UNIX_EPOCH;
        let ledger = verify::verify(&self.repository, &request, at, &mut |_, _| {}).expect("it is verified");
        assert!(ledger.is_complete(), "every patch is accounted for: {ledger:?}");
    }

    fn publish(&self) {
        let standing = rebase::standing(&self.repository, BRANCH).expect("it can be told").expect("it is there");
        let request = publish::Request {
            branch: BRANCH.to_owned(),
            head: standing.head.clone(),
            remote: "origin".to_owned(),
            protected: Vec::new(),
            limit: remote::LIMIT,
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let published = publish::publish(&self.repository, &self.world.conventions, &request, now, &mut |_| {})
            .expect("it is published");
        assert_eq!(published.is, standing.head);
    }

    fn mirror(&self) {
        let mirrored = mirror::mirror(&self.repository, &self.world.conventions, None, remote::LIMIT, &mut |_| {})
            .expect("copies");
        assert_eq!(mirrored.len(), 3);
    }

    fn create(&self) {
        let created = create::create(&self.repository, &self.world.conventions, "lilac", None).expect("it is created");
        assert_eq!(created.branch, "mitx/lilac");
    }
}

fn done(standing: &Standing) -> bool {
    standing.stop.is_none()
}

/// Every file of some folders: mode and content, by path.
#[derive(PartialEq, Eq)]
struct Snapshot(BTreeMap<PathBuf, (u32, Vec<u8>)>);

impl Snapshot {
    fn of(folders: &[&Path]) -> Self {
        let mut files = BTreeMap::new();
        let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
        while let Some(path) = waiting.pop() {
            let kind = path.symlink_metadata().expect("it is there");
            if kind.is_dir() {
                let entries = std::fs::read_dir(&path).expect("a folder can be read");
                waiting.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
            } else if kind.is_symlink() {
                use std::os::unix::ffi::OsStringExt;
                let target = std::fs::read_link(&path).expect("a link can be read");
                files.insert(path, (0, target.into_os_string().into_vec()));
            } else {
                let content = std::fs::read(&path).expect("a file can be read");
                files.insert(path, (kind.permissions().mode(), content));
            }
        }
        assert!(files.keys().any(|path| path.ends_with("HEAD")), "a git directory is among them");
        Self(files)
    }

    /// What differs and is neither ours nor `named`, in the order of the paths.
    fn changed<'a>(&'a self, before: &'a Self, named: &[&str]) -> Vec<&'a Path> {
        let paths = self.0.keys().chain(before.0.keys().filter(|path| !self.0.contains_key(*path)));
        let differs = paths.filter(|path| self.0.get(*path) != before.0.get(*path)).map(PathBuf::as_path);
        differs.filter(|path| !OURS.iter().chain(named).any(|part| is_part(path, part))).collect()
    }
}

/// Whether a path in a git directory begins with this part.
fn is_part(path: &Path, part: &str) -> bool {
    let path = path.to_string_lossy();
    let inside = path.split_once("/.git/").or_else(|| path.split_once("/site.git/"));
    inside.is_some_and(|(_, inside)| inside.starts_with(part))
}
