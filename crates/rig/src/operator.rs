//! An operator: keys, known hosts, and the OpenSSH configuration with which hosts are reached.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::program::succeed;

pub(crate) const INSTALL: &str = "install it with: apt-get install openssh-server openssh-client";

/// The key that hosts accept.
const ACCEPTED: &str = "operator";

/// Where an sshd listens, who signs in there, and by which key it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// The user who signs in.
    pub user: String,
    /// The public half of its host key.
    pub key: String,
}

impl Endpoint {
    /// The line of a file of known hosts that makes it known by its own key.
    #[must_use]
    pub fn known_line(&self) -> String {
        known_line(self, &self.key)
    }
}

/// An operator whose files are in a temporary folder.
pub struct Operator {
    folder: TempDir,
}

impl Operator {
    /// An operator who has the key `operator`, which hosts accept, and the key `stranger`, which they do not, and who knows
    /// no host yet.
    ///
    /// # Panics
    /// When there is no ssh-keygen.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [ACCEPTED, "stranger"] {
            make_key(&folder.path().join(name));
        }
        std::fs::write(folder.path().join("known_hosts"), "").expect("written");
        Self { folder }
    }

    /// The folder of the operator's files, in which tests may keep theirs.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The line for `authorized_keys` that lets the key `operator` in.
    pub(crate) fn authorized(&self) -> String {
        public_key(&self.file(ACCEPTED))
    }

    /// Adds a host, known by its own key.
    pub(crate) fn knows(&self, host: &Endpoint) {
        // Hosts that boot at the same time may be added at the same time.
        let known = OpenOptions::new().append(true).open(self.file("known_hosts"));
        known.expect("it is there").write_all(host.known_line().as_bytes()).expect("written");
    }

    /// Makes known_hosts say that this host has the operator's own key `name`, and nothing else.
    ///
    /// # Panics
    /// When there is no such key.
    pub fn takes_for(&self, host: &Endpoint, name: &str) {
        std::fs::write(self.file("known_hosts"), known_line(host, &public_key(&self.file(name)))).expect("written");
    }

    /// Makes these lines the whole of known_hosts.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn knows_lines(&self, lines: &str) {
        std::fs::write(self.file("known_hosts"), lines).expect("written");
    }

    /// Makes known_hosts empty.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn knows_nobody(&self) {
        self.knows_lines("");
    }

    /// A file with the OpenSSH configuration that reaches these hosts with the key `key`. `lines` come first.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn config(&self, key: &str, lines: &str, hosts: &[&Endpoint]) -> PathBuf {
        let ports: String = hosts.iter().map(|host| format!("Host {}\n  Port {}\n", host.address, host.port)).collect();
        let text = format!(
            "{lines}\n{ports}Host *\n  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
             UserKnownHostsFile {}\n",
            hosts.first().map_or("root", |host| &host.user),
            self.file(key).display(),
            self.file("known_hosts").display()
        );
        let config = self.file("config");
        std::fs::write(&config, text).expect("written");
        config
    }
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

fn known_line(host: &Endpoint, key: &str) -> String {
    match host.port {
        22 => format!("{} {key}\n", host.address),
        port => format!("[{}]:{port} {key}\n", host.address),
    }
}

/// Makes an ed25519 key, and its public half beside it.
pub(crate) fn make_key(path: &Path) {
    let path = path.to_str().expect("a path in UTF-8");
    succeed("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], INSTALL);
}

/// The public half of a key, as one line.
pub(crate) fn public_key(path: &Path) -> String {
    std::fs::read_to_string(path.with_extension("pub")).expect("a key").trim().to_owned()
}
