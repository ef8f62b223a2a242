//! Short calls of Packer (`version`, `inspect`, `validate`), which are waited for.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::error::{Error, Result, SAME_COMMAND};
use crate::program::Environment;

/// How long a short call may take. A template whose defaults are read from Vault or Consul asks them.
const LIMIT: Duration = Duration::from_secs(60);

/// How many bytes of an answer are read.
const LONGEST: u64 = 8 << 20;

/// A short call.
pub(crate) struct Call {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Where it runs: relative paths in templates start there.
    pub(crate) directory: PathBuf,
    /// What it is to do: `check the template packer/edxapp.json`.
    pub(crate) doing: String,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Whether it ended with 0.
    pub(crate) success: bool,
    /// What it wrote to standard output.
    pub(crate) stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub(crate) stderr: Vec<u8>,
}

impl Call {
    #[expect(
        clippy::disallowed_methods,
        reason = "short calls, which change nothing, are the one home of starting Packer"
    )]
    pub(crate) fn run(&self, environment: &Environment) -> Result<Outcome> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.directory);
        command.env_clear().envs(environment.variables());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| self.not_started(&source))?;
        let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let both = stdout.recv_timeout(LIMIT).and_then(|out| Ok((out, stderr.recv_timeout(LIMIT)?)));
        let Ok((stdout, stderr)) = both else {
            // It may have ended by itself in this moment; either way it is gone afterwards.
            let _ = child.kill();
            let _ = child.wait();
            return Err(self.too_long());
        };
        let status = child.wait().map_err(|source| self.not_started(&source))?;
        Ok(Outcome { success: status.success(), stdout, stderr })
    }

    fn not_started(&self, source: &std::io::Error) -> Error {
        if !self.directory.is_dir() {
            return Error::refused(
                format!("Packer cannot run in {}, which is no folder", self.directory.display()),
                "nothing was started; correct the folder in which Packer runs",
            );
        }
        Error::refused(
            format!("{} could not be started: {source}", self.program.display()),
            "nothing was started; install Packer and put it on PATH, or give its path",
        )
    }

    fn too_long(&self) -> Error {
        Error::refused(
            format!("Packer was to {} and had not ended after {} s, so it was stopped", self.doing, LIMIT.as_secs()),
            format!(
                "nothing was started; check what the template reads (Vault, Consul, files on a slow disk), then {SAME_COMMAND} again"
            ),
        )
    }
}

/// Reads a pipe to its end on a thread of its own.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.by_ref().take(LONGEST).read_to_end(&mut bytes);
            // It must be able to end.
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        let _ = sender.send(bytes);
    });
    receiver
}
