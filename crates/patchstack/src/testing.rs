//! A repository of its own for each unit test: real git, an empty home, nothing of this machine's configuration.
#![expect(clippy::disallowed_methods, reason = "tests run git as an operator would, with this machine's PATH")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::git::{Environment, Git};
use crate::names::ObjectId;
use crate::repository::Repository;

/// A temporary folder with a repository in it.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    /// An ordinary repository on the branch `main`, without a commit.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sandbox = Self { folder };
        std::fs::create_dir_all(sandbox.repository()).expect("a folder");
        sandbox.git(&["init", "--quiet", "--initial-branch=main"]);
        sandbox
    }

    /// The folder that everything is in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The work tree of the repository.
    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// The variables that git gets here.
    pub(crate) fn variables(&self) -> Vec<(OsString, OsString)> {
        let of = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("HOME".into(), self.folder.path().join("home").into_os_string()),
            of("GIT_CONFIG_NOSYSTEM", "1"),
            of("GIT_AUTHOR_NAME", "Alice"),
            of("GIT_AUTHOR_EMAIL", "alice@example.org"),
            of("GIT_COMMITTER_NAME", "Carol"),
            of("GIT_COMMITTER_EMAIL", "carol@example.org"),
        ]
    }

    /// Git as the library has it.
    pub(crate) fn library_git(&self) -> Git {
        Git::find(Environment::new(self.variables())).expect("git 2.40 or later on PATH")
    }

    /// The repository as the library has it.
    pub(crate) fn open(&self) -> Repository {
        Repository::open(&self.library_git(), &self.repository()).expect("it opens")
    }

    /// Runs git in the repository, and gives what it wrote, trimmed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.repository(), arguments)
    }

    /// Runs git in a folder, and gives what it wrote, trimmed.
    pub(crate) fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.try_git_in(folder, arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "git {arguments:?}: {}\n{out}{err}", output.status);
        out.trim_end().to_owned()
    }

    /// Runs git in a folder, whatever comes of it.
    pub(crate) fn try_git_in(&self, folder: &Path, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(folder).env_clear().envs(self.variables());
        command.output().expect("git starts")
    }

    /// Writes files and commits them all on what is checked out; `None` removes a file.
    pub(crate) fn commit(&self, subject: &str, files: &[(&str, &str)]) -> ObjectId {
        for (path, content) in files {
            let path = self.repository().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, content).expect("written");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", subject]);
        self.id("HEAD")
    }

    /// The commit that a name means.
    pub(crate) fn id(&self, name: &str) -> ObjectId {
        ObjectId::parse(&self.git(&["rev-parse", "--verify", &format!("{name}^{{commit}}")])).expect("an id")
    }

    /// All that is the operator's: work tree, index, HEAD, stash, configuration and refs that are not cutover's.
    pub(crate) fn snapshot(&self) -> String {
        let refs = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let refs =
            refs.lines().filter(|line| !line.starts_with("refs/cutover/") && !line.contains("refs/notes/cutover"));
        let mut text = refs.collect::<Vec<&str>>().join("\n");
        let own = self.repository().join(".git");
        for name in ["HEAD", "index", "config", "ORIG_HEAD", "FETCH_HEAD"] {
            text.push_str(&format!("\n{name} {:?}", std::fs::read(own.join(name)).ok()));
        }
        let mut files = Vec::new();
        walk(&self.repository(), &mut files);
        files.sort();
        for path in files {
            text.push_str(&format!("\n{} {:?}", path.display(), std::fs::read(&path).ok()));
        }
        text
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name == ".git") {
            continue;
        }
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}
