//! Removes what is left of a build on this machine.

use std::fs;

use super::door::Door;
use super::place::Job;
use super::state::State;
use crate::error::{Error, Result};

impl Job {
    /// Removes its files.
    ///
    /// # Errors
    /// When it runs, or may run on another machine.
    pub fn remove(&self) -> Result<()> {
        let door = Door::of(&self.jobs)?;
        let because = match self.state_behind(&door)? {
            State::Running => "it runs".to_owned(),
            State::Elsewhere { host } => format!("it may run on {host}"),
            State::None | State::Ended(_) | State::Died | State::Restarted => {
                return match fs::remove_dir_all(&self.folder) {
                    Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                        Err(Error::File { path: self.folder.clone(), done: "removed", source })
                    }
                    _ => Ok(()),
                };
            }
        };
        Err(Error::refused(
            format!("the files of the build {} cannot be removed: {because}", self.token()),
            "nothing was removed; wait for its end, or interrupt it",
        ))
    }
}
