//! Where the servers of a run keep their files: a folder of their own in the system that all servers share, which is their
//! root folder. It is removed with this, even if this process is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use crate::waiting::until;

const INSTALL: &str = "run the tests with `cargo xtask test`, or set CUTOVER_SERVERS to the folder of a Debian system \
                       with mariadb-server, redis-server, haproxy, knot and unbound";

/// Removes the folder once standard input ends. Servers that are being killed may still write to it.
const SWEEPER: &str = "cat >/dev/null; while [ -e \"$1\" ]; do rm -rf \"$1\" 2>/dev/null || sleep 0.1; done";

/// A folder for the servers of a run. Clones are the same folder.
#[derive(Clone)]
pub struct Room(Arc<Folder>);

struct Folder {
    root: PathBuf,
    folder: TempDir,
    /// Outlives this process if that is killed.
    sweeper: Child,
}

impl Room {
    /// An empty one.
    ///
    /// # Panics
    /// When there is no system for servers, or this process may not use it.
    #[must_use]
    pub fn new() -> Self {
        let root = std::env::var_os("CUTOVER_SERVERS").map(PathBuf::from);
        let root = root.filter(|root| root.join("usr/sbin/mariadbd").exists());
        let root = root.unwrap_or_else(|| panic!("there is no system for servers; {INSTALL}"));
        let folder =
            tempfile::Builder::new().prefix("cutover-").tempdir_in(root.join("srv")).expect("a folder; run as root");
        let mut sweeper = Command::new("setsid");
        sweeper.args(["sh", "-c", SWEEPER, "sweeper"]).arg(folder.path()).stdin(Stdio::piped());
        Self(Arc::new(Folder { root, sweeper: sweeper.spawn().expect("setsid, of the package util-linux"), folder }))
    }

    /// A path in the folder, as this process sees it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.folder.path().join(name)
    }

    /// The same path as a server sees it.
    pub(super) fn inside(&self, name: &str) -> String {
        let path = self.path(name);
        let path = path.strip_prefix(&self.0.root).expect("it is beneath the root folder");
        Path::new("/").join(path).display().to_string()
    }

    /// The path of a file of the system, as this process sees it.
    pub(super) fn system(&self, path: &str) -> PathBuf {
        self.0.root.join(path.trim_start_matches('/'))
    }

    /// Writes a file into the folder.
    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// What the server of this name has printed.
    pub(super) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default()
    }

    /// A command with a program of the system.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.0.root).arg(program);
        command
    }

    /// Starts a server, and waits until it is ready.
    ///
    /// # Panics
    /// When it ends, or is not ready within 20 s.
    pub(super) fn start(&self, name: &str, arguments: &[String], is_ready: impl Fn() -> bool) -> Process {
        let log = self.path(&format!("{name}.log"));
        let mut process = Process::start(&self.0.root, arguments, &log);
        let ready = until(Duration::from_secs(20), || (is_ready() || process.has_ended()).then_some(()));
        assert!(
            ready.is_some() && !process.has_ended(),
            "{name} does not start; {arguments:?} says:\n{}",
            self.log(name)
        );
        process
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        let _ = self.sweeper.wait();
    }
}
