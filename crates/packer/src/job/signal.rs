//! Ends a build that runs.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use super::door::Door;
use super::place::Job;
use super::processes;
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

/// How often processes are looked for that were started while others were killed.
const ROUNDS: usize = 20;

impl Job {
    /// Tells Packer to give up, as Ctrl-C does. It removes what it has made, which takes minutes. Once is enough: some versions
    /// clean up no more after a second one.
    ///
    /// # Errors
    /// When its processes are not on this machine, or are another user's.
    pub fn interrupt(&self) -> Result<Signalled> {
        self.while_running(|lock| self.signal(&processes::that_have_open(lock)?, Signal::INT))
    }

    /// Ends it at once, with everything that it has started. What Packer has made is left behind. Its state will be
    /// [`State::Died`].
    ///
    /// # Errors
    /// When its processes are not on this machine, or are another user's.
    pub fn kill(&self) -> Result<Signalled> {
        self.while_running(|lock| {
            let mut processes = processes::that_have_open(lock)?;
            for _ in 0..ROUNDS {
                self.signal(&processes, Signal::KILL)?;
                // Those that were started meanwhile.
                processes = processes::that_have_open(lock)?;
                if processes.is_empty() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn while_running(&self, act: impl FnOnce(&Path) -> Result<()>) -> Result<Signalled> {
        let door = Door::of(&self.jobs)?;
        if self.state_behind(&door)? != State::Running {
            return Ok(Signalled::NotRunning);
        }
        act(&self.folder.join("lock"))?;
        Ok(Signalled::Sent)
    }

    fn signal(&self, processes: &[Pid], signal: Signal) -> Result<()> {
        if processes.is_empty() {
            return Err(self.not_signalled("none of its processes can be seen here"));
        }
        for process in processes {
            match kill_process(*process, signal) {
                // It may have ended by itself.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(errno) => {
                    return Err(self.not_signalled(&format!(
                        "process {} cannot be signalled ({errno})",
                        process.as_raw_nonzero()
                    )));
                }
            }
        }
        Ok(())
    }

    fn not_signalled(&self, because: &str) -> Error {
        Error::refused(
            format!("the build {} runs, and could not be stopped: {because}", self.token()),
            "stop it on the machine and as the user that started it",
        )
    }
}
