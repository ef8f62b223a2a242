//! A clone with two remotes, `upstream` and `origin`, and a branch of ours that was rebased and verified. Nothing of
//! this machine's configuration.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use cutover_patchstack::error::{Error, Result};
use cutover_patchstack::git::{Environment, Git};
use cutover_patchstack::ledger::{Account, Entry, Ledger, Named, Side, VERSION};
use cutover_patchstack::mirror::{Mirrored, mirror};
use cutover_patchstack::names::ObjectId;
use cutover_patchstack::publish::{Publication, Request, publish};
use cutover_patchstack::releases::Conventions;
use cutover_patchstack::repository::Repository;

/// Long enough for any remote on this machine, and shorter than a test may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Our branch.
pub(crate) const KOA: &str = "mitx/koa";

/// The clone, its remotes, and the commits that matter.
pub(crate) struct World {
    folder: tempfile::TempDir,
    /// Variables on top of the usual ones.
    pub(crate) variables: Vec<(OsString, OsString)>,
    /// Upstream's koa.rc2, where the old stack stands, and koa.rc3, where the new one does.
    pub(crate) candidates: [ObjectId; 2],
    /// The old head of our branch: origin has it.
    pub(crate) old: ObjectId,
    /// The new head: verified, and nowhere but here.
    pub(crate) new: ObjectId,
}

impl World {
    /// Makes it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let nothing = ObjectId::parse(&"0".repeat(40)).expect("an id");
        let mut world = Self {
            folder,
            variables: Vec::new(),
            candidates: [nothing.clone(), nothing.clone()],
            old: nothing.clone(),
            new: nothing,
        };
        for name in ["upstream.git", "origin.git"] {
            world.git_in(world.folder(), &["init", "--quiet", "--bare", "--initial-branch=master", name]);
        }
        world.git_in(world.folder(), &["init", "--quiet", "--initial-branch=master", "clone"]);
        world.git(&["remote", "add", "upstream", "../upstream.git"]);
        world.git(&["remote", "add", "origin", "../origin.git"]);
        let rc2 = world.commit("upstream's second", "upstream", "2");
        world.git(&["push", "--quiet", "upstream", "HEAD:refs/heads/open-release/koa.rc2"]);
        world.old = world.commit("our patch", "ours", "1");
        world.git(&["push", "--quiet", "origin", "HEAD:refs/heads/mitx/koa"]);
        world.git(&["checkout", "--quiet", rc2.as_str()]);
        let rc3 = world.commit("upstream's third", "upstream", "3");
        world.git(&["push", "--quiet", "upstream", "HEAD:refs/heads/open-release/koa.rc3"]);
        world.new = world.commit("our patch", "ours", "1");
        world.git(&["checkout", "--quiet", "-B", "koa-here", world.old.as_str()]);
        world.candidates = [rc2, rc3];
        world.ledger().write(&world.open()).expect("the ledger is written");
        world
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn clone_folder(&self) -> PathBuf {
        self.folder().join("clone")
    }

    /// The git directory of `origin` or `upstream`.
    pub(crate) fn remote(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.git"))
    }

    /// The variables that git gets.
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let of = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let mut variables = vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("HOME".into(), self.folder().join("home").into_os_string()),
            of("GIT_CONFIG_NOSYSTEM", "1"),
            of("GIT_AUTHOR_NAME", "Alice"),
            of("GIT_AUTHOR_EMAIL", "alice@example.org"),
            of("GIT_COMMITTER_NAME", "Carol"),
            of("GIT_COMMITTER_EMAIL", "carol@example.org"),
        ];
        variables.extend(self.variables.iter().cloned());
        variables
    }

    /// Runs git in the clone, and gives what it wrote.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.clone_folder(), arguments)
    }

    /// Runs git in a folder, and gives what it wrote.
    pub(crate) fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.try_git_in(folder, arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "git {arguments:?}: {}\n{out}{err}", output.status);
        out.trim_end().to_owned()
    }

    fn try_git_in(&self, folder: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(folder).env_clear().envs(self.environment());
        command.output().expect("git starts")
    }

    /// Commits a file on what is checked out.
    pub(crate) fn commit(&self, subject: &str, path: &str, content: &str) -> ObjectId {
        std::fs::write(self.clone_folder().join(path), content).expect("written");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", subject]);
        ObjectId::parse(&self.git(&["rev-parse", "HEAD"])).expect("an id")
    }

    /// A commit of Bob's on `parent` that is in a remote and not here.
    pub(crate) fn commit_there(&self, remote: &str, parent: &ObjectId, subject: &str) -> ObjectId {
        let tree = format!("{parent}^{{tree}}");
        let bob = ["-c", "user.name=Bob", "-c", "user.email=bob@example.org"];
        let mut command = Command::new("git");
        command.args(bob).args(["commit-tree", "-p", parent.as_str(), "-m", subject, &tree]);
        command.current_dir(self.remote(remote)).env_clear();
        let without = |name: &OsString| name.to_string_lossy().starts_with("GIT_COMMITTER");
        command.envs(self.environment().into_iter().filter(|(name, _)| !without(name)));
        let output = command.output().expect("git starts");
        ObjectId::parse(String::from_utf8_lossy(&output.stdout).trim()).expect("an id")
    }

    /// What a remote holds: `name commit` a line, in order.
    pub(crate) fn holds(&self, remote: &str) -> Vec<String> {
        let refs = self.git_in(&self.remote(remote), &["for-each-ref", "--format=%(refname) %(objectname)"]);
        refs.lines().map(str::to_owned).collect()
    }

    /// What a remote holds of one ref.
    pub(crate) fn held(&self, remote: &str, name: &str) -> Option<ObjectId> {
        let holds = self.holds(remote);
        let line = holds.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(ObjectId::parse)
    }

    /// A hook of a remote.
    pub(crate) fn hook(&self, remote: &str, name: &str, script: &str) {
        write_script(&self.remote(remote).join("hooks").join(name), script);
    }

    /// A program that git finds before all others of its name.
    pub(crate) fn program(&mut self, name: &str, script: &str) {
        let folder = self.folder().join("programs");
        write_script(&folder.join(name), script);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
        self.variables.push(("PATH".into(), std::env::join_paths(folders).expect("a PATH")));
    }

    /// A complete ledger of the new head.
    pub(crate) fn ledger(&self) -> Ledger {
        let [rc2, rc3] = &self.candidates;
        let side = |head: &ObjectId, base: &ObjectId, name: &str| Side {
            head: head.clone(),
            base: base.clone(),
            base_name: format!("upstream/open-release/{name}"),
        };
        Ledger {
            version: VERSION,
            branch: KOA.to_owned(),
            old: side(&self.old, rc2, "koa.rc2"),
            new: side(&self.new, rc3, "koa.rc3"),
            entries: vec![Entry {
                patch: Named { commit: self.old.clone(), subject: "our patch".to_owned() },
                author: "Alice <alice@example.org>".to_owned(),
                account: Account::Kept { now: self.new.clone() },
                hints: Vec::new(),
            }],
            added: Vec::new(),
            left_behind: Vec::new(),
            by: "Carol <carol@example.org>".to_owned(),
            at: "2026-05-01T04:00:00Z".to_owned(),
            published: None,
        }
    }

    pub(crate) fn open(&self) -> Repository {
        let git = Git::find(Environment::new(self.environment())).expect("git 2.40 or later on PATH");
        Repository::open(&git, &self.clone_folder()).expect("it opens")
    }

    pub(crate) fn request(&self) -> Request {
        Request {
            branch: KOA.to_owned(),
            head: self.new.clone(),
            remote: "origin".to_owned(),
            protected: vec!["mitx/live*".to_owned()],
            limit: LIMIT,
        }
    }

    pub(crate) fn publish(&self, request: &Request) -> Result<Publication> {
        let now = "2026-05-01T05:06:07.89Z".parse().expect("a moment");
        publish(&self.open(), &Conventions::default(), request, now, &mut |_| {})
    }

    /// Publishes, which must fail, with the branch on origin, all of the operator's, and the ledger as they were.
    pub(crate) fn refuses(&self, request: &Request) -> Error {
        let (branch, operators, ledger) = (self.held("origin", "refs/heads/mitx/koa"), self.snapshot(), self.noted());
        let error = self.publish(request).expect_err("it must not be published");
        assert_eq!(self.held("origin", "refs/heads/mitx/koa"), branch, "{error}");
        assert_eq!(self.snapshot(), operators, "{error}");
        assert_eq!(self.noted(), ledger, "{error}");
        assert!(!error.hint().is_empty(), "{error}");
        error
    }

    pub(crate) fn mirror(&self, pattern: Option<&str>) -> Result<Vec<Mirrored>> {
        mirror(&self.open(), &Conventions::default(), pattern, LIMIT, &mut |_| {})
    }

    fn noted(&self) -> Option<Ledger> {
        Ledger::read(&self.open(), &self.new).expect("it reads")
    }

    /// All that is the operator's in the clone: refs that are not cutover's, HEAD, index, files. Git itself keeps the
    /// remote-tracking branches.
    pub(crate) fn snapshot(&self) -> String {
        let refs = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let kept = |line: &&str| {
            !["refs/cutover/", "refs/notes/cutover", "refs/remotes/"].iter().any(|ours| line.starts_with(ours))
        };
        let mut text = refs.lines().filter(kept).collect::<Vec<&str>>().join("\n");
        let folder = self.clone_folder();
        for name in [".git/HEAD", ".git/index", ".git/config", ".git/FETCH_HEAD", "ours", "upstream"] {
            text.push_str(&format!("\n{name} {:?}", std::fs::read(folder.join(name)).ok()));
        }
        text + &self.git(&["stash", "list"])
    }
}

fn write_script(path: &Path, script: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permission");
}
