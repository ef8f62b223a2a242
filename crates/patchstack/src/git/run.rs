//! Runs calls of git to their end: the spawning, the waiting, and what comes of it.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::call::Call;
use super::environment::{Configuration, Environment};
use super::version::Version;
use super::words;
use crate::error::{Error, GitSaid, Result, SAME_COMMAND};

/// How long git may take to say its version.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// A git that is good enough, and what it may know.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    version: Version,
    environment: Environment,
}

/// What came of a call.
#[derive(Debug)]
pub struct Output {
    /// Whether git ended with 0.
    pub success: bool,
    /// Its exit status, if it was not killed.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// Its words on standard error, made fit for an error.
    pub words: String,
}

impl Git {
    /// Finds git on `PATH`.
    ///
    /// # Errors
    /// When there is none, or it is older than [`Version::MINIMUM`].
    pub fn find(environment: Environment) -> Result<Self> {
        Self::unchecked(environment).checked()
    }

    /// The git on `PATH`, of which nothing is known yet.
    pub(crate) fn unchecked(environment: Environment) -> Self {
        // A path starts quicker than a name, which each new process would look for anew.
        let program = environment.program("git").unwrap_or_else(|| PathBuf::from("git"));
        Self { program, version: Version::MINIMUM, environment }
    }

    /// The same git, when it is good enough.
    pub(crate) fn checked(self) -> Result<Self> {
        let output = self.run(&Call::new("version", "say its version").limit(VERSION_LIMIT))?;
        let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match Version::parse(&answer) {
            Some(version) if version >= Version::MINIMUM => Ok(Self { version, ..self }),
            Some(version) => Err(Error::refused(
                format!("git {version} is too old: {} or later is needed", Version::MINIMUM),
                format!(
                    "nothing was changed. Older gits cannot merge on a base of our choosing (merge-tree --stdin). Debian 12's own git \
                     is 2.39: build a newer one, or use a newer Debian. `git version` said {answer:?}"
                ),
            )),
            None => Err(Error::refused(
                format!("`{} version` printed {answer:?}, which is not a version", self.program.display()),
                "nothing was changed; put a git of 2.40 or later first on PATH",
            )),
        }
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The variables that it inherits.
    #[must_use]
    pub const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Does a call that is expected to end with 0, and gives what it wrote.
    ///
    /// # Errors
    /// When git cannot be started, takes too long, or ends otherwise.
    pub fn output(&self, call: &Call) -> Result<Vec<u8>> {
        let output = self.run(call)?;
        if output.success { Ok(output.stdout) } else { Err(failed(call, &output)) }
    }

    /// The same for a call that writes text: trimmed, and lossy where it is not UTF-8.
    ///
    /// # Errors
    /// As [`Git::output`].
    pub fn text(&self, call: &Call) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.output(call)?).trim_end_matches('\n').to_owned())
    }

    /// Does a call whose exit status says something, and leaves the judgement to the caller.
    ///
    /// # Errors
    /// When git cannot be started or takes too long.
    pub fn run(&self, call: &Call) -> Result<Output> {
        let mut child = self.spawn(call)?;
        feed(&mut child, call.input.clone());
        let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let both = stdout.recv_timeout(call.limit).and_then(|out| Ok((out, stderr.recv_timeout(call.limit)?)));
        match both {
            Ok((stdout, stderr)) => {
                let status = child.wait().map_err(|source| self.unusable(&source))?;
                Ok(Output { success: status.success(), code: status.code(), stdout, words: said(&stderr, status) })
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                // It may have ended by itself in this moment; either way it is gone afterwards.
                let _ = child.kill();
                let _ = child.wait();
                Err(too_long(call))
            }
        }
    }

    /// Error of a call that ended in a way its caller did not foresee.
    #[must_use]
    pub fn failure(call: &Call, output: &Output) -> Error {
        failed(call, output)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one home of spawning git")]
    pub(super) fn spawn(&self, call: &Call) -> Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&call.before).args(&call.arguments);
        command.env_clear().envs(self.environment.variables(call.configuration, &call.settings));
        if call.configuration == Configuration::Neutral {
            command.env("XDG_CONFIG_HOME", "/dev/null");
        }
        command.envs(call.variables.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &call.directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|source| match (&call.directory, source.kind()) {
            (Some(directory), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
                if !directory.is_dir() =>
            {
                Error::File { path: directory.clone(), done: "entered", source }
            }
            _ => self.unusable(&source),
        })
    }

    fn unusable(&self, source: &std::io::Error) -> Error {
        Error::refused(
            format!("{} could not be started: {source}", self.program.display()),
            "nothing was changed; install git 2.40 or later and put it on PATH",
        )
    }
}

fn failed(call: &Call, output: &Output) -> Error {
    let status = output.code.map_or_else(|| "it was killed".to_owned(), |code| format!("exit status {code}"));
    let hint = words::hint(&output.words);
    Error::Git { doing: call.doing.clone(), source: GitSaid { words: output.words.clone(), status }, hint }
}

fn too_long(call: &Call) -> Error {
    let limit = call.limit.as_secs();
    let source = GitSaid { words: "it did not end".to_owned(), status: format!("ended after {limit} s") };
    let hint =
        format!("no branch was moved here; check that the remote and the disk respond, then {SAME_COMMAND} again");
    Error::Git { doing: call.doing.clone(), source, hint }
}

fn said(stderr: &[u8], status: ExitStatus) -> String {
    if status.success() && stderr.is_empty() { String::new() } else { words::of(stderr) }
}

/// Writes the input beside the reading, so that neither waits for the other.
fn feed(child: &mut Child, input: Vec<u8>) {
    let Some(mut stdin) = child.stdin.take() else { return };
    if input.is_empty() {
        return;
    }
    // A git that ends early closes its input; its status says why.
    std::thread::spawn(move || drop(stdin.write_all(&input)));
}

/// Reads a pipe to its end on a thread of its own.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}
