//! Whether a build runs, and how it ended.

use std::fs;
use std::path::Path;

use super::door::Door;
use super::machine::Machine;
use super::place::Job;
use super::record::Record;
use crate::error::Result;

/// What became of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Packer has not run: it was never started, or the start was cut off before it began.
    None,
    /// It runs, or something that it has started does.
    Running,
    /// Packer has ended by itself, with this exit status; 128 and more if it was ended by a signal.
    Ended(i32),
    /// It was killed, with what records its end. What it has made may be left behind.
    Died,
    /// The same, because the machine was restarted.
    Restarted,
    /// It was started on another machine, and has not ended as far as the files tell. Only that machine can say whether it
    /// runs.
    Elsewhere {
        /// The name of that machine.
        host: String,
    },
}

impl Job {
    /// What became of it.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn state(&self) -> Result<State> {
        // Looking makes nothing.
        if !self.folder.exists() {
            return Ok(State::None);
        }
        self.state_behind(&Door::of(&self.jobs)?)
    }

    pub(super) fn state_behind(&self, door: &Door) -> Result<State> {
        let Some(record) = Record::read(&self.folder)? else { return Ok(State::None) };
        if let Some(status) = ending(&self.folder, "exit.") {
            return Ok(State::Ended(status));
        }
        let Some(_lock) = door.lock(&self.folder)? else { return Ok(State::Running) };
        // It may have ended between the two looks; or the keeper was killed after Packer's end, before it was through.
        if let Some(status) = ending(&self.folder, "exit.").or_else(|| ending(&self.folder, "ended.")) {
            return Ok(State::Ended(status));
        }
        let this = Machine::this();
        Ok(if !self.folder.join("began").exists() {
            State::None
        } else if !record.machine.is_same_machine(&this) {
            State::Elsewhere { host: record.machine.host }
        } else if record.machine.boot != this.boot {
            State::Restarted
        } else {
            State::Died
        })
    }
}

/// The exit status in the name of a file with this prefix.
fn ending(folder: &Path, prefix: &str) -> Option<i32> {
    let entries = fs::read_dir(folder).ok()?;
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()).next()
}
