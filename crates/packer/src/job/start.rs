//! Starts builds, each once.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use cutover_core::words;

use super::door::{Door, Lock};
use super::machine::Machine;
use super::place::Job;
use super::record::Record;
use super::state::State;
use crate::error::{Error, Result, SAME_COMMAND};
use crate::folder;
use crate::program::Program;
use crate::template::Template;
use crate::variables::Variables;

/// What keeps a build.
const KEEPER: &str = include_str!("keeper.sh");

/// What is started.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// Packer.
    pub program: &'a Program,
    /// The template.
    pub template: &'a Template,
    /// What it gets.
    pub variables: &'a Variables,
    /// Where Packer runs: relative paths in the template start there.
    pub directory: &'a Path,
    /// How many bytes of output are kept, about.
    pub limit: u64,
}

/// What a start has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// The build was started.
    Now,
    /// There is one already, whatever its state is. Nothing was started.
    Before,
}

impl Job {
    /// Starts it, unless it was started before. When this returns, Packer is about to run, or has run.
    ///
    /// # Errors
    /// When it could not be started. Then Packer has not run.
    pub fn start(&self, start: &Start<'_>) -> Result<Started> {
        let door = Door::of(&self.jobs)?;
        if self.state_behind(&door)? != State::None {
            return Ok(Started::Before);
        }
        folder::make(&self.folder)?;
        let Some(lock) = door.lock(&self.folder)? else { return Ok(Started::Before) };
        let variables = self.folder.join("variables.pkrvars.json");
        start.variables.write(&variables)?;
        // The keeper removes the second of five pieces.
        let piece = (start.limit / 4).max(4096);
        let record = Record {
            token: self.token().to_owned(),
            machine: Machine::this(),
            packer: start.program.path().to_owned(),
            version: start.program.version().to_string(),
            template: start.template.path().to_owned(),
            piece,
        };
        record.write(&self.folder)?;
        let build = ["build", "-machine-readable", "-color=false"].map(OsString::from).into_iter();
        let build = build.chain(start.template.arguments(&variables));
        self.launch(lock, start, piece, build)?;
        Ok(Started::Now)
    }

    #[expect(clippy::disallowed_methods, reason = "the keeper is on record, and outlives a crash")]
    fn launch(&self, lock: Lock, start: &Start<'_>, piece: u64, build: impl Iterator<Item = OsString>) -> Result<()> {
        let mut command = Command::new("setsid");
        command.args(["--fork", "/bin/sh", "-c", KEEPER, "cutover-keeper"]);
        command.arg(&self.folder).arg(piece.to_string()).arg(start.directory).arg(start.program.path()).args(build);
        command.env_clear().envs(start.program.environment().variables()).current_dir("/");
        command.stdin(Stdio::from(lock.hand_over())).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().map_err(|source| {
            Error::refused(
                format!("the build {} could not be started: setsid: {source}", self.token()),
                "nothing was started; install util-linux and put it on PATH",
            )
        })?;
        if output.stdout.starts_with(b"began") {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = words::last_line(&said).unwrap_or("it printed no reason");
        Err(Error::refused(
            format!("the build {} could not be started: {said}", self.token()),
            format!("Packer has not run; correct that in {}, then {SAME_COMMAND} again", self.folder.display()),
        ))
    }
}
