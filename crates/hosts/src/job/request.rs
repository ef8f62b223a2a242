//! What is asked of a host about a job.

use cutover_core::names::JobName;

use crate::command::{Command, RunAs};
use crate::secret::Secret;

/// A job: a command that runs to its end, whatever becomes of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name on the host. Starting a job of a name that was started before finds that one.
    pub name: JobName,
    /// The command.
    pub command: Command,
    /// What the command reads from its standard input. A host keeps it in memory, where only root can read it, until the command
    /// has opened it.
    pub input: Secret,
    /// How many bytes of its output are kept. It may print more, which is lost.
    pub output_limit: u64,
}

impl Job {
    /// How much output is usually kept: 4 MB, which is 50,000 lines.
    pub const OUTPUT_LIMIT: u64 = 4 << 20;

    /// A job without input, and with the usual limit of output.
    #[must_use]
    pub const fn new(name: JobName, command: Command) -> Self {
        Self { name, command, input: Secret::NONE, output_limit: Self::OUTPUT_LIMIT }
    }
}

/// The result of starting a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStart {
    /// It was started.
    Started,
    /// A job of that name was started before, and nothing was done.
    Found,
}

/// A signal for the processes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks them to end.
    Term,
    /// Ends them.
    Kill,
}

/// What a host is asked to do about a job. Changes carry the epoch of the conductor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Start it, or find it.
    Start {
        /// The job.
        job: &'a Job,
        /// The conductor's epoch.
        epoch: u64,
    },
    /// Tell its state, and at most `maximum` bytes of its output from byte `offset` on.
    Read {
        /// The job's name.
        name: &'a JobName,
        /// The first byte of the output.
        offset: u64,
        /// At most so many bytes.
        maximum: u64,
    },
    /// Send a signal to all its processes.
    Signal {
        /// The job's name.
        name: &'a JobName,
        /// The conductor's epoch.
        epoch: u64,
        /// The signal.
        signal: Signal,
    },
    /// Remove what is on record of it. Refused while it runs.
    Collect {
        /// The job's name.
        name: &'a JobName,
        /// The conductor's epoch.
        epoch: u64,
    },
}

/// The script that keeps jobs on a host.
pub(super) const HELPER: &str = include_str!("helper.sh");

impl Request<'_> {
    /// The command to run on the host. `folder` is where it keeps its jobs, `login` the user of the connection.
    #[must_use]
    pub fn command(&self, folder: &str, login: &str) -> Command {
        let head = ["/bin/sh", "-c", HELPER, "cutover-job", folder].map(str::to_owned);
        let arguments = head.into_iter().chain(self.arguments(login)).collect();
        Command { arguments, run_as: RunAs::root(), directory: None }
    }

    /// What goes with the command on its standard input.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        match self {
            Self::Start { job, .. } => job.input.expose(),
            Self::Read { .. } | Self::Signal { .. } | Self::Collect { .. } => &[],
        }
    }

    fn arguments(&self, login: &str) -> Vec<String> {
        match self {
            Self::Start { job, epoch } => {
                let user = match &job.command.run_as {
                    RunAs::Login => login.to_owned(),
                    RunAs::User(user) => user.clone(),
                };
                let directory = job.command.directory.clone().unwrap_or_else(|| "/".to_owned());
                let numbers = [job.output_limit.to_string(), job.input.expose().len().to_string()];
                let head = ["start".to_owned(), job.name.to_string(), epoch.to_string(), user, directory];
                head.into_iter().chain(numbers).chain(job.command.arguments.iter().cloned()).collect()
            }
            Self::Read { name, offset, maximum } => {
                vec!["read".to_owned(), name.to_string(), offset.to_string(), maximum.to_string()]
            }
            Self::Signal { name, epoch, signal } => {
                let signal = match signal {
                    Signal::Term => "TERM",
                    Signal::Kill => "KILL",
                };
                vec!["signal".to_owned(), name.to_string(), epoch.to_string(), signal.to_owned()]
            }
            Self::Collect { name, epoch } => vec!["collect".to_owned(), name.to_string(), epoch.to_string()],
        }
    }
}
