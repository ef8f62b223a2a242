//! Jobs on hosts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use cutover_core::names::{ProgramName, SchemaName};
use cutover_core::time::between;
use cutover_hosts::job::{JobReport, JobState};

use super::script::Script;

/// A job that was started on a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) started: Timestamp,
    /// The epoch of the conductor that started it.
    pub(crate) epoch: u64,
    /// How many bytes of its output are kept.
    pub(crate) output_limit: u64,
    pub(crate) output: String,
    pub(crate) ending: Option<Ending>,
    pub(crate) work: Work,
}

/// How a job has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ending {
    /// With this exit status.
    Exit(i32),
    /// The host went down while it ran.
    HostRestarted,
}

/// What a job does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// It applies migrations one by one.
    Migration {
        /// The index in the world's `migrations`.
        migrations: usize,
        schema: SchemaName,
        /// How long one migration takes.
        step: Duration,
        /// When it has done the next one.
        due: Timestamp,
    },
    /// An order: supervisorctl waits until none of these programs is on its way to another state.
    Order { programs: Vec<ProgramName> },
    /// A shell runs a script.
    Script(Script),
    /// The command does not exist.
    Nothing,
}

impl Job {
    /// Ends it now, and drops what it would have printed later.
    pub(crate) fn end(&mut self, ending: Ending, now: Timestamp) {
        if let Work::Script(script) = &self.work {
            self.output = script.output(between(self.started, now));
        }
        self.ending = Some(ending);
    }

    /// How it has ended by now.
    pub(crate) fn ending(&self, now: Timestamp) -> Option<Ending> {
        match &self.work {
            Work::Script(script) if self.ending.is_none() => {
                (between(self.started, now) >= script.length()).then_some(Ending::Exit(script.exit))
            }
            _ => self.ending,
        }
    }

    /// What the host knows about it, with its output from byte `offset` on.
    pub(crate) fn report(&self, offset: u64, now: Timestamp) -> JobReport {
        let of_script = match &self.work {
            Work::Script(script) if self.ending.is_none() => Some(script.output(between(self.started, now))),
            _ => None,
        };
        let printed = of_script.as_deref().unwrap_or(&self.output).as_bytes();
        let kept = &printed[..printed.len().min(usize::try_from(self.output_limit).unwrap_or(usize::MAX))];
        let output = usize::try_from(offset).ok().and_then(|from| kept.get(from..)).unwrap_or_default().to_vec();
        JobReport {
            started: self.started,
            epoch: self.epoch,
            state: match self.ending(now) {
                None => JobState::Running,
                Some(Ending::Exit(exit)) => JobState::Ended { exit, out_of_memory: false, peak_memory: None },
                Some(Ending::HostRestarted) => JobState::HostRestarted,
            },
            next: offset + output.len() as u64,
            output,
            size: kept.len() as u64,
            is_cut: kept.len() < printed.len(),
            was_signalled: false,
            was_interrupted: false,
            left: None,
            go_on: Vec::new(),
        }
    }
}
