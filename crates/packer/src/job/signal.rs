//! Ends a build that runs.

use rustix::process::{Pid, Signal, kill_process_group};

use super::door::Door;
use super::machine::Machine;
use super::place::Job;
use super::record::Record;
use super::state::State;
use crate::error::{Error, Result};

/// What came of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signalled {
    /// All its processes have got it. That they have ended, its state tells.
    Sent,
    /// It does not run.
    NotRunning,
}

impl Job {
    /// Tells Packer to give up, as Ctrl-C does. It removes what it has made, which takes minutes. Once is enough: some versions clean up
    /// no more after a second one.
    ///
    /// # Errors
    /// When nobody can tell which processes it has.
    pub fn interrupt(&self) -> Result<Signalled> {
        self.signal(Signal::INT)
    }

    /// Ends it at once. What Packer has made is left behind. Its state will be [`State::Died`].
    ///
    /// # Errors
    /// When nobody can tell which processes it has.
    pub fn kill(&self) -> Result<Signalled> {
        self.signal(Signal::KILL)
    }

    fn signal(&self, signal: Signal) -> Result<Signalled> {
        let door = Door::of(&self.jobs)?;
        if self.state_behind(&door)? != State::Running {
            return Ok(Signalled::NotRunning);
        }
        let group = self.group()?;
        match kill_process_group(group, signal) {
            Ok(()) => Ok(Signalled::Sent),
            Err(rustix::io::Errno::SRCH) => Ok(Signalled::NotRunning),
            Err(errno) => Err(self.not_signalled(&format!("the signal could not be sent ({errno})"))),
        }
    }

    /// The group of its processes, which has the keeper's number. That is nobody else's as long as one of them lives.
    fn group(&self) -> Result<Pid> {
        let record = Record::read(&self.folder)?;
        if record.is_some_and(|record| !record.machine.is_same_machine(&Machine::this())) {
            return Err(self.not_signalled("it runs on another machine"));
        }
        let file = self.folder.join("began");
        let began = std::fs::read_to_string(&file).map_err(Error::file(&file, "read"))?;
        let mut words = began.split_whitespace();
        let keeper = words.next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        let (Some(keeper), Some(begun)) = (keeper, words.next()) else {
            return Err(self.not_signalled(&format!("{} is damaged", file.display())));
        };
        match start_time(keeper) {
            Some(now) if now != begun => {
                Err(self.not_signalled("its keeper was killed, and the process id is another's by now"))
            }
            _ => Ok(keeper),
        }
    }

    fn not_signalled(&self, because: &str) -> Error {
        Error::refused(
            format!("the build {} runs, and was not stopped: {because}", self.token()),
            format!("nothing was changed; `fuser {}` lists its processes", self.folder.join("lock").display()),
        )
    }
}

/// When a process began, in ticks since the machine's start. Nothing if there is no such process.
fn start_time(process: Pid) -> Option<String> {
    let known = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    let (_, fields) = known.rsplit_once(") ")?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}
