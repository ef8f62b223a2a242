//! `supervisorctl status`: which state each program is in.
//!
//! supervisorctl's exit status says little: 3.x exits with 0 whatever it finds, and 4.x with 3 if any program is not running,
//! which hides the 4 of an unknown name. So the text is read, and each program that was asked for must be in it.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::names::ProgramName;

use crate::command::{Ask, Command, EXIT_TIMED_OUT, Said};

/// The states that supervisor knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was stopped, or never started.
    Stopped,
    /// It was started, and has not run for `startsecs` yet.
    Starting,
    /// It runs.
    Running,
    /// It ended too soon after its start, and will be started again.
    Backoff,
    /// It was told to stop, and has not ended yet.
    Stopping,
    /// It ended by itself.
    Exited,
    /// It could not be started, and supervisor has given up.
    Fatal,
    /// Supervisor itself has lost track of it.
    Unknown,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Stopped,
        Self::Starting,
        Self::Running,
        Self::Backoff,
        Self::Stopping,
        Self::Exited,
        Self::Fatal,
        Self::Unknown,
    ];

    /// Its name, as supervisorctl prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Backoff => "BACKOFF",
            Self::Stopping => "STOPPING",
            Self::Exited => "EXITED",
            Self::Fatal => "FATAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Whether supervisor has no process of the program, and will not start one by itself.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Stopped | Self::Exited | Self::Fatal)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A program as supervisor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramStatus {
    /// Its state.
    pub state: State,
    /// Its process id, while it runs.
    pub pid: Option<u32>,
    /// For how long it has been running with this process id.
    pub uptime: Option<Duration>,
    /// What supervisor says about the state, such as `Exited too quickly (process log may have details)`.
    pub description: String,
}

impl ProgramStatus {
    /// The line that supervisorctl 3.1 and later print for this program, for a simulation.
    #[must_use]
    pub fn line(&self, name: &ProgramName) -> String {
        format!("{:<33}{:<10}{}", name.as_str(), self.state.as_str(), self.description)
    }

    /// A running program, described as supervisorctl does.
    #[must_use]
    pub fn running(pid: u32, uptime: Duration) -> Self {
        let seconds = uptime.as_secs();
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        let days = match days {
            0 => String::new(),
            1 => "1 day, ".to_owned(),
            more => format!("{more} days, "),
        };
        let description = format!("pid {pid}, uptime {days}{hours}:{minutes:02}:{:02}", seconds % 60);
        Self { state: State::Running, pid: Some(pid), uptime: Some(Duration::from_secs(seconds)), description }
    }

    /// A program that does not run.
    #[must_use]
    pub fn not_running(state: State, description: &str) -> Self {
        Self { state, pid: None, uptime: None, description: description.to_owned() }
    }
}

/// Why the states of programs are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStatus {
    /// Nothing listens where supervisorctl asks.
    #[error("supervisor does not run: supervisorctl says `{0}`")]
    NoServer(String),
    /// There is no supervisorctl.
    #[error("supervisorctl could not be run: {0}")]
    NoSupervisorctl(String),
    /// It did not answer in time.
    #[error("supervisor did not answer within the limit")]
    TimedOut,
    /// Supervisor has no program of these names.
    #[error("supervisor has no program {}", .0.join(", "))]
    NoProgram(Vec<String>),
    /// Programs are missing from the answer, or contradict themselves in it.
    #[error("supervisorctl did not say how {} is; it printed `{printed}`", .programs.join(", "))]
    NotSaid {
        /// The programs.
        programs: Vec<String>,
        /// The last line that was not understood, or of the whole answer.
        printed: String,
    },
}

/// The question for the states of programs.
#[must_use]
pub fn ask(supervisorctl: &str, programs: &[ProgramName]) -> Ask {
    let names = programs.iter().map(|name| name.as_str().to_owned());
    Ask::new(Command::as_root([supervisorctl.to_owned(), "status".to_owned()].into_iter().chain(names)))
}

/// The states of exactly the programs that were asked for. A name `group:*` stands for all programs of a group.
///
/// # Errors
/// When the answer does not give the state of every one of them.
pub fn read(asked: &[ProgramName], said: &Said) -> Result<BTreeMap<ProgramName, ProgramStatus>, NoStatus> {
    let mut states = BTreeMap::new();
    let (mut unknown, mut contradicted, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for line in said.stdout.lines().chain(said.stderr.lines()) {
        match read_line(line) {
            Line::Program(name, status) => {
                let before = states.insert(ProgramName::from(name), status.clone());
                if before.is_some_and(|before| before.state != status.state) {
                    contradicted.push(name.to_owned());
                }
            }
            Line::NoSuch(name) => unknown.push(name.to_owned()),
            Line::Other(text) => others.push(text),
        }
    }
    if !unknown.is_empty() {
        return Err(NoStatus::NoProgram(unknown));
    }
    let is_said = |asked: &&ProgramName| !states.keys().any(|name| covers(asked, name));
    let missing: Vec<String> = asked.iter().filter(is_said).map(ToString::to_string).collect();
    if missing.is_empty() && contradicted.is_empty() {
        states.retain(|name, _| asked.iter().any(|asked| covers(asked, name)));
        return Ok(states);
    }
    Err(not_said(said, &others, [missing, contradicted].concat()))
}

/// Whether `name` is the program that was asked for, or one of the group that was.
fn covers(asked: &ProgramName, name: &ProgramName) -> bool {
    let group = asked.as_str().strip_suffix(":*");
    asked == name || group.is_some_and(|group| name.as_str().split(':').next() == Some(group))
}

enum Line<'a> {
    Program(&'a str, ProgramStatus),
    NoSuch(&'a str),
    Other(&'a str),
}

fn read_line(line: &str) -> Line<'_> {
    if let Some((name, "no such process)" | "no such group)")) = line.split_once(": ERROR (") {
        return Line::NoSuch(name);
    }
    let mut words = line.split_whitespace();
    let (Some(name), Some(word)) = (words.next(), words.next()) else { return Line::Other(line.trim()) };
    let Some(state) = State::ALL.into_iter().find(|state| state.as_str() == word) else {
        return Line::Other(line.trim());
    };
    let description = words.collect::<Vec<_>>().join(" ");
    let (pid, uptime) = match state {
        State::Running => read_running(&description),
        _ => (None, None),
    };
    Line::Program(name, ProgramStatus { state, pid, uptime, description })
}

/// The process id and the time of `pid 18916, uptime 3 days, 0:00:02`.
fn read_running(description: &str) -> (Option<u32>, Option<Duration>) {
    let Some((pid, uptime)) = description.strip_prefix("pid ").and_then(|rest| rest.split_once(", uptime ")) else {
        return (None, None);
    };
    (pid.parse().ok(), read_uptime(uptime))
}

fn read_uptime(text: &str) -> Option<Duration> {
    let (days, clock) = match text.split_once(" day") {
        Some((days, rest)) => (days.parse().ok()?, rest.trim_start_matches('s').strip_prefix(", ")?),
        None => (0, text),
    };
    let mut seconds: u64 = 0;
    for part in clock.split(':') {
        seconds = seconds * 60 + part.parse::<u64>().ok()?;
    }
    Some(Duration::from_secs(days * 86_400_u64 + seconds))
}

/// Why programs are missing from an answer.
fn not_said(said: &Said, others: &[&str], programs: Vec<String>) -> NoStatus {
    let no_server = ["no such file", "refused connection", "SHUTDOWN_STATE"];
    if let Some(line) = others.iter().find(|line| no_server.iter().any(|words| line.contains(words))) {
        return NoStatus::NoServer((*line).to_owned());
    }
    let last = others.iter().rev().find(|line| !line.is_empty()).map_or_else(|| said.last_line(), |line| *line);
    match said.exit {
        EXIT_TIMED_OUT => NoStatus::TimedOut,
        126 | 127 => NoStatus::NoSupervisorctl(last.to_owned()),
        _ => NoStatus::NotSaid { programs, printed: last.to_owned() },
    }
}
