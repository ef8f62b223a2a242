//! The program, started as an operator starts it: in a folder with the deployment file, with credentials in the environment, and
//! with this run's resolver instead of this computer's.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;
use tempfile::NamedTempFile;

/// Runs a command that sees another resolv.conf. The mount is seen by it and its children alone.
const WITH_RESOLVER: &str = "mount --make-rprivate / && mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";

/// The deployment file, in the operator's folder.
pub(super) const FILE: &str = "campus.toml";

/// The program on an operator's machine.
pub struct Program {
    binary: PathBuf,
    folder: PathBuf,
    endpoint: String,
}

/// What it printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code; -1 if it was killed.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Its standard output, if it has ended with this code.
    ///
    /// # Panics
    /// When it has ended with another one.
    #[track_caller]
    #[must_use]
    pub fn ended(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self.out
    }
}

impl Program {
    /// In that folder, which has the deployment file. AWS is at `endpoint`, the resolver has that address, and certificates of
    /// `authority`, in PEM, are trusted.
    ///
    /// # Panics
    /// When there is no program, or the folder cannot be written to.
    #[must_use]
    pub fn new(folder: &Path, endpoint: &str, resolver: &str, authority: &str) -> Self {
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
        write("resolv.conf", &format!("nameserver {resolver}\n"));
        write("authority.pem", authority);
        Self { binary: binary(), folder: folder.to_owned(), endpoint: endpoint.to_owned() }
    }

    /// The words of a command on the deployment file, which `words` begin with. `branch` has its own way to name the file.
    fn with_file<'a>(words: &[&'a str]) -> Vec<&'a str> {
        match words {
            ["branch", ..] => [words, &["--deployment", FILE]].concat(),
            _ => [&words[..1], &[FILE], &words[1..]].concat(),
        }
    }

    /// The command line of a command on the deployment file. `words` begin with the command.
    fn command(&self, words: &[&str]) -> Command {
        // It ends with the thread that started it, even if this process is killed.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", WITH_RESOLVER, "operator"])
            .arg(self.folder.join("resolv.conf"));
        command.arg(&self.binary).args(Self::with_file(words)).current_dir(&self.folder);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", &self.folder).env("USER", "operator");
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ACCESS_KEY_ID", "AKIAOPERATOR").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("SSL_CERT_FILE", self.folder.join("authority.pem")).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, words: &[&str]) -> Ran {
        let output = self.command(words).output().expect("setpriv, of the package util-linux");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Starts a phase, whose progress is read as JSON.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(&self, words: &[&str]) -> Conductor {
        // Several may run at the same time.
        let errors = NamedTempFile::new_in(&self.folder).expect("a file");
        let mut command = self.command(&[words, &["--json"]].concat());
        command.stdout(Stdio::piped()).stderr(errors.reopen().expect("it is there"));
        let mut process = command.spawn().expect("setpriv, of the package util-linux");
        let output = process.stdout.take().expect("it has an output");
        let (sender, progress) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(value) = serde_json::from_str(&line) else { continue };
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Conductor { process, progress, errors }
    }
}

/// A phase that runs. It is killed with this.
pub struct Conductor {
    process: Child,
    progress: Receiver<Value>,
    errors: NamedTempFile,
}

impl Conductor {
    /// What it prints next; nothing once it has ended.
    pub fn next(&self) -> Option<Value> {
        self.progress.recv().ok()
    }

    /// The number of its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Kills it, as by `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Its exit code and what it has printed to standard error, once it has ended.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn ended(&mut self) -> (i32, String) {
        let status = self.process.wait().expect("it can be waited for");
        (status.code().unwrap_or(-1), std::fs::read_to_string(&self.errors).unwrap_or_default())
    }
}

impl Drop for Conductor {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program to run: `CUTOVER_BIN`, or the one that cargo has built beside this.
fn binary() -> PathBuf {
    let built = || {
        let own = std::env::current_exe().ok()?;
        own.ancestors().map(|folder| folder.join("cutover")).find(|file| file.is_file())
    };
    let named = std::env::var_os("CUTOVER_BIN").map(PathBuf::from);
    named.or_else(built).expect("CUTOVER_BIN names the program; `cargo xtask e2e` builds it")
}
