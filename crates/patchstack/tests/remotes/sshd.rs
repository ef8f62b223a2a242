//! An sshd of the tests' own: on loopback, on a port of its own, with keys that live as long as the test.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const INSTALL: &str = "install it with: apt-get install openssh-server openssh-client";

/// A running sshd, which ends with this.
pub(crate) struct Sshd {
    process: Child,
    port: u16,
    folder: PathBuf,
}

impl Sshd {
    /// Starts one that lets the key in that [`Sshd::command`] uses. Its files are in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let folder = folder.join("sshd");
        std::fs::create_dir_all(&folder).expect("a folder");
        for name in ["host", "operator", "stranger"] {
            make_key(&folder.join(name));
        }
        std::fs::copy(folder.join("operator.pub"), folder.join("authorized")).expect("copied");
        make_privilege_separation_folder(&folder);
        // Between finding a free port and taking it, another process may take it.
        for _ in 0..5 {
            let port = free_port();
            if let Some(process) = listening(&folder, port) {
                return Self { process, port, folder };
            }
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("sshd does not listen; it says:\n{log}");
    }

    /// The address of a repository.
    pub(crate) fn address(&self, repository: &Path) -> String {
        format!("ssh://127.0.0.1:{}{}", self.port, repository.display())
    }

    /// `GIT_SSH_COMMAND` for a key: `operator` is let in, `stranger` is not.
    pub(crate) fn command(&self, key: &str) -> OsString {
        let (key, hosts) = (self.folder.join(key), self.folder.join("known"));
        format!(
            "ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new \
             -o UserKnownHostsFile={} -o IdentityAgent=none -i {}",
            hosts.display(),
            key.display()
        )
        .into()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn make_key(path: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    let made = made.unwrap_or_else(|error| panic!("ssh-keygen: {error}; {INSTALL}"));
    assert!(made.success(), "ssh-keygen: {made}");
}

/// As root, sshd needs a folder that its package makes only when the system's sshd is started.
fn make_privilege_separation_folder(owned: &Path) {
    let folder = Path::new("/run/sshd");
    let root = std::fs::metadata(owned).expect("a folder").uid() == 0;
    if root && !folder.is_dir() {
        // Another test may make it in the same moment.
        let _ = std::fs::create_dir_all(folder);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    // It starts itself again for each connection, and needs its whole path for that.
    let found = folders.map(|folder| folder.join("sshd")).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("there is no sshd; {INSTALL}"))
}

/// Starts sshd and waits until it listens; none when it ends before.
fn listening(folder: &Path, port: u16) -> Option<Child> {
    let path = std::env::var("PATH").expect("a PATH");
    let here = folder.display();
    let configuration = format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {here}/host\nPidFile none\nAuthorizedKeysFile {here}/authorized\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\n\
         PermitRootLogin prohibit-password\nSetEnv PATH={path} GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null\n"
    );
    std::fs::write(folder.join("configuration"), configuration).expect("written");
    let log = std::fs::File::create(folder.join("log")).expect("a log");
    let mut command = Command::new(program());
    command.args(["-D", "-e", "-f"]).arg(folder.join("configuration"));
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sshd starts");
    for _ in 0..200 {
        // Its own word: at the port itself, somebody else's sshd might answer.
        let said = std::fs::read_to_string(folder.join("log")).expect("a log");
        if said.contains("Server listening on 127.0.0.1") {
            return Some(process);
        }
        if process.try_wait().expect("it is ours").is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}
