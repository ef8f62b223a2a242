//! An sshd of the tests' own on loopback, the keys for it, and the configuration with which an operator reaches it.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cutover_ssh::{Settings, SshHosts};
use tempfile::TempDir;

const INSTALL: &str = "install it with: apt-get install openssh-server openssh-client";

/// The address at which it listens.
pub(crate) const HOST: &str = "127.0.0.1";

/// A running sshd, which ends with this.
pub(crate) struct Sshd {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Sshd {
    /// Starts one that accepts the key `operator`, and is known by its key `host`.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["host", "operator", "stranger"] {
            make_key(&folder.path().join(name));
        }
        std::fs::copy(folder.path().join("operator.pub"), folder.path().join("authorized")).expect("copied");
        // Debian's sshd refuses to start without it.
        let _ = std::fs::DirBuilder::new().mode(0o755).create("/run/sshd");
        for _ in 0..5 {
            let port = free_port();
            if let Some(process) = listening(folder.path(), port) {
                let sshd = Self { process, port, folder };
                sshd.is_known_by("host");
                return sshd;
            }
        }
        panic!(
            "sshd does not listen; it says:\n{}",
            std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
        );
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes the operator's known_hosts say that the host has the key `name`.
    pub(crate) fn is_known_by(&self, name: &str) {
        let key = std::fs::read_to_string(self.file(&format!("{name}.pub"))).expect("a key");
        std::fs::write(self.file("known_hosts"), format!("[{HOST}]:{} {key}", self.port)).expect("written");
    }

    /// What a host with the key `name` would have written to its console.
    pub(crate) fn console(&self, name: &str) -> String {
        let key = std::fs::read_to_string(self.file(&format!("{name}.pub"))).expect("a key");
        format!("-----BEGIN SSH HOST KEY KEYS-----\r\n{key}\r\n-----END SSH HOST KEY KEYS-----\r\n")
    }

    /// Makes the operator's known_hosts empty.
    pub(crate) fn is_unknown(&self) {
        std::fs::write(self.file("known_hosts"), "").expect("written");
    }

    /// The settings of an operator who has this key, with these lines in the configuration of OpenSSH.
    pub(crate) fn settings(&self, key: &str, lines: &str) -> Settings {
        let config = self.file("config");
        let text = format!(
            "{lines}\nHost *\n  Port {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
             UserKnownHostsFile {}\n",
            self.port,
            self.file(key).display(),
            self.file("known_hosts").display()
        );
        std::fs::write(&config, text).expect("written");
        Settings { config: Some(config), connect_timeout: Duration::from_secs(3), ..Settings::default() }
    }

    /// The hosts as that operator reaches them.
    pub(crate) fn hosts(&self, key: &str) -> SshHosts {
        SshHosts::new(self.settings(key, "")).expect("a folder for sockets")
    }

    /// How often somebody has signed in.
    pub(crate) fn sign_ins(&self) -> usize {
        std::fs::read_to_string(self.file("log")).expect("a log").matches("Accepted publickey").count()
    }

    /// The processes of the connections, which are the children of sshd.
    fn children(&self) -> Vec<String> {
        let output = Command::new("pgrep").args(["-P", &self.process.id().to_string()]).output().expect("pgrep");
        String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.children().len()
    }

    /// Ends the connections from the host's side, without a word.
    pub(crate) fn end_connections(&self) {
        for child in self.children() {
            let _ = Command::new("pkill").args(["-KILL", "-P", &child]).status();
            let _ = Command::new("kill").args(["-s", "KILL", &child]).status();
        }
    }

    /// Makes sshd and its connections fall silent.
    pub(crate) fn stop(&self) {
        let children = self.children();
        let grandchildren = children.iter().flat_map(|child| {
            let output = Command::new("pgrep").args(["-P", child]).output().expect("pgrep");
            String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect::<Vec<String>>()
        });
        for process in grandchildren.chain(children.clone()).chain([self.process.id().to_string()]) {
            let _ = Command::new("kill").args(["-s", "STOP", &process]).status();
        }
    }

    /// A folder for sockets of the operator's own connections.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for signal in ["CONT", "KILL"] {
            let group = format!("-{}", self.process.id());
            let _ = Command::new("kill").args(["-s", signal, "--", &group]).stderr(Stdio::null()).status();
        }
        let _ = self.process.wait();
    }
}

fn make_key(path: &Path) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(path).status();
    assert!(made.unwrap_or_else(|error| panic!("ssh-keygen cannot be run ({error}); {INSTALL}")).success());
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// An sshd that listens on `port`, in a process group of its own; nothing if it has ended.
fn listening(folder: &Path, port: u16) -> Option<Child> {
    use std::os::unix::process::CommandExt;
    let options = [
        format!("HostKey {}", folder.join("host").display()),
        format!("AuthorizedKeysFile {}", folder.join("authorized").display()),
        format!("Port {port}"),
        format!("ListenAddress {HOST}"),
        "PidFile none".to_owned(),
        "StrictModes no".to_owned(),
        "UsePAM no".to_owned(),
        "PasswordAuthentication no".to_owned(),
        "PermitRootLogin prohibit-password".to_owned(),
    ];
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-f", "/dev/null", "-E"]).arg(folder.join("log"));
    options.iter().for_each(|option| {
        command.args(["-o", option]);
    });
    let mut child = command.process_group(0).spawn().unwrap_or_else(|error| panic!("no sshd ({error}); {INSTALL}"));
    for _ in 0..100 {
        if std::net::TcpStream::connect((HOST, port)).is_ok() {
            return Some(child);
        }
        if child.try_wait().expect("its state").is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    None
}
