//! A folder with a repository in it, and git to make it with: real git, alone with its own empty home.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The name that the tests commit by.
const WHO: &str = "Tester";

/// A folder that is gone when this is.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    /// An empty one; if wished in memory, where the machine has a folder for that.
    pub(crate) fn new(in_memory: bool) -> Self {
        let memory = Path::new("/dev/shm");
        let made = if in_memory && memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { folder: made.expect("a temporary folder can be made") }
    }

    /// A folder or file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The variables that git finds here, and nothing of those of whoever runs the tests but `PATH`.
    pub(crate) fn variables(&self) -> Vec<(OsString, OsString)> {
        let path = std::env::var_os("PATH").expect("there is a PATH");
        let home = self.folder.path().as_os_str().to_owned();
        let of = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        vec![
            (OsString::from("PATH"), path),
            (OsString::from("HOME"), home),
            of("GIT_CONFIG_NOSYSTEM", "1"),
            of("GIT_ATTR_NOSYSTEM", "1"),
            of("LC_ALL", "C"),
            of("GIT_EDITOR", "true"),
            of("GIT_AUTHOR_NAME", WHO),
            of("GIT_AUTHOR_EMAIL", "tester@example.org"),
            of("GIT_COMMITTER_NAME", WHO),
            of("GIT_COMMITTER_EMAIL", "tester@example.org"),
            of("GIT_AUTHOR_DATE", "1700000000 +0000"),
            of("GIT_COMMITTER_DATE", "1700000000 +0000"),
        ]
    }

    /// A call of git in `folder`, to be completed.
    pub(crate) fn call<T: AsRef<OsStr>>(&self, folder: &Path, arguments: &[T]) -> Command {
        let mut command = Command::new("git");
        command.env_clear().envs(self.variables()).current_dir(folder);
        command.args(["-c", "core.fsync=none", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Calls git, whatever comes of it.
    pub(crate) fn attempt<T: AsRef<OsStr>>(&self, folder: &Path, arguments: &[T]) -> Output {
        self.call(folder, arguments).output().expect("git can be started")
    }

    /// Calls git, which has to succeed, and gives what it wrote.
    pub(crate) fn git<T: AsRef<OsStr>>(&self, folder: &Path, arguments: &[T]) -> Vec<u8> {
        succeeded(&self.attempt(folder, arguments), arguments)
    }
}

/// What git wrote, if it succeeded.
fn succeeded<T: AsRef<OsStr>>(output: &Output, arguments: &[T]) -> Vec<u8> {
    let words: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout.clone()
}
