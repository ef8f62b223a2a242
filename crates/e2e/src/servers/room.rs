//! Where the servers of a run keep their files: a folder in memory, in the system that all servers share, which is their root
//! folder. It is mounted only for them, so that nothing of it is left once they have ended, even if this process is killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use crate::waiting::until;

const INSTALL: &str = "run the tests with `cargo xtask test`, or set CUTOVER_SERVERS to the folder of a Debian system \
                       with mariadb-server, redis-server, haproxy, knot and unbound";

/// The root folder of the system with the servers, which `CUTOVER_SERVERS` names.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn system() -> PathBuf {
    let root = std::env::var_os("CUTOVER_SERVERS").map(PathBuf::from);
    let root = root.filter(|root| root.join("usr/sbin/mariadbd").exists());
    // What is mounted for servers only is not found through a link that leads there from elsewhere.
    let root = root.and_then(|root| root.canonicalize().ok());
    root.unwrap_or_else(|| panic!("there is no system for servers; {INSTALL}"))
}

/// Holds the folder until standard input ends. The database has a part of its own, which can be full. A server that is just
/// ending may still write its process id, which is below the mount then: so the folder is removed with what is in it.
const HOLDER: &str = "set -e
mount -t tmpfs -o mode=755 room \"$1\"
mkdir \"$1/database\"
mount -t tmpfs -o mode=755,size=256m database \"$1/database\"
echo ready
cat >/dev/null
umount --lazy \"$1/database\" \"$1\"
rm -rf \"$1\"";

/// A folder for the servers of a run. Clones are the same folder.
#[derive(Clone)]
pub struct Room(Arc<Folder>);

struct Folder {
    root: PathBuf,
    folder: TempDir,
    holder: Child,
}

impl Room {
    /// An empty one.
    ///
    /// # Panics
    /// When there is no system for servers, or this process may not use it.
    #[must_use]
    pub fn new() -> Self {
        let root = system();
        let folder = tempfile::Builder::new().prefix("cutover-").tempdir_in(root.join("srv"));
        let folder = folder.expect("a folder in the system for servers, which takes root");
        let mut holder = Command::new("setsid");
        holder.args(["unshare", "--mount", "sh", "-c", HOLDER, "holder"]).arg(folder.path());
        let holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut holder = holder.expect("setsid and unshare, of the package util-linux");
        let mut said = String::new();
        let _ = BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut said);
        assert_eq!(said, "ready\n", "no file system can be mounted, which takes root");
        Self(Arc::new(Folder { root, folder, holder }))
    }

    /// Where the folder is mounted. Only the servers see what is in it there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    /// A path in the folder, as this process sees it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.seen(&self.folder().join(name))
    }

    /// The path of a file of the system, as this process sees it.
    pub(super) fn system(&self, path: &str) -> PathBuf {
        self.seen(&self.0.root.join(path.trim_start_matches('/')))
    }

    /// A path with the file systems that are mounted for servers only.
    fn seen(&self, path: &Path) -> PathBuf {
        let there = PathBuf::from(format!("/proc/{}/root", self.0.holder.id()));
        there.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The same path as a server sees it.
    pub(super) fn inside(&self, name: &str) -> String {
        let path = self.folder().join(name);
        let path = path.strip_prefix(&self.0.root).expect("it is beneath the root folder");
        Path::new("/").join(path).display().to_string()
    }

    /// Writes a file into the folder.
    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// What the server of this name has printed.
    pub(super) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default()
    }

    /// The words before a program of the system that run it there.
    fn enter(&self) -> [String; 4] {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.0.holder.id());
        ["nsenter".to_owned(), namespace, "chroot".to_owned(), self.0.root.display().to_string()]
    }

    /// A command with a program of the system.
    pub(super) fn command(&self, program: &str) -> Command {
        let [nsenter, words @ ..] = self.enter();
        let mut command = Command::new(nsenter);
        command.args(words).arg(program);
        command
    }

    /// Starts a server, and waits until it is ready.
    ///
    /// # Panics
    /// When it ends, or is not ready within 20 s.
    pub(super) fn start(&self, name: &str, arguments: &[String], is_ready: impl Fn() -> bool) -> Process {
        let command = [&self.enter(), arguments].concat();
        let mut process = Process::start(&command, &self.path(&format!("{name}.log")));
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
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
