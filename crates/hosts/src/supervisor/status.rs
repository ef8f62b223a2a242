//! `supervisorctl status`: which state each program is in.
//!
//! supervisorctl's exit status says little: 3.x exits with 0 whatever it finds, and 4.x with 3 if any program is not running,
//! which hides the 4 of an unknown name. So the text is read, and each program that was asked for must be in it.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::names::ProgramName;
use cutover_core::words::push_number;

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
    /// The state that supervisorctl prints as this word.
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "STOPPED" => Self::Stopped,
            "STARTING" => Self::Starting,
            "RUNNING" => Self::Running,
            "BACKOFF" => Self::Backoff,
            "STOPPING" => Self::Stopping,
            "EXITED" => Self::Exited,
            "FATAL" => Self::Fatal,
            "UNKNOWN" => Self::Unknown,
            _ => return None,
        })
    }

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

    /// Whether supervisor has no process of the program, and will not start one by itself. It may still start one of a program
    /// that has only just become [`State::Exited`].
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
    /// What supervisor says about the state, such as `Exited too quickly (process log may have details)`; empty for a
    /// program of which the two above are known.
    pub description: String,
}

impl ProgramStatus {
    fn read(state: State, description: &str) -> Self {
        let (pid, uptime) = if state == State::Running { read_running(description) } else { (None, None) };
        let description = if uptime.is_some() { String::new() } else { description.to_owned() };
        Self { state, pid, uptime, description }
    }
}

/// Adds the line that supervisorctl 3.1 and later print for a program that runs, for a simulation: a rehearsal prints
/// thousands of them, so it is put together without the formatter.
pub fn print_running(text: &mut String, name: &str, pid: u32, uptime: Duration) {
    let seconds = uptime.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    print_columns(text, name, State::Running);
    text.push_str("pid ");
    push_number(text, pid.into(), 1);
    text.push_str(", uptime ");
    if days > 0 {
        push_number(text, days, 1);
        text.push_str(if days == 1 { " day, " } else { " days, " });
    }
    push_number(text, hours, 1);
    for two_digits in [minutes, seconds % 60] {
        text.push(':');
        push_number(text, two_digits, 2);
    }
    text.push('\n');
}

/// The same for a program in another state.
pub fn print_other(text: &mut String, name: &str, state: State, description: &str) {
    print_columns(text, name, state);
    text.push_str(description);
    text.push('\n');
}

fn print_columns(text: &mut String, name: &str, state: State) {
    const BLANKS: &str = "                                 ";
    for (word, width) in [(name, BLANKS.len()), (state.as_str(), 10)] {
        text.push_str(word);
        text.push_str(&BLANKS[..width.saturating_sub(word.len()).max(1)]);
    }
}

/// Why the states of programs are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStatus {
    /// Nothing listens where supervisorctl asks, or what does has ended meanwhile.
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
    #[error("supervisorctl did not report the state of {}; it printed `{printed}`", .programs.join(", "))]
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
            Line::Program(name, state, description) => {
                let Some(program) = meant(asked, name) else { continue };
                let before = states.insert(program, ProgramStatus::read(state, description));
                if before.is_some_and(|before| before.state != state) {
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
    let missing = missing(asked, &states);
    match missing.is_empty() && contradicted.is_empty() {
        true => Ok(states),
        false => Err(not_said(said, &others, [missing, contradicted].concat())),
    }
}

/// The question for the states of all programs.
#[must_use]
pub fn ask_all(supervisorctl: &str) -> Ask {
    ask(supervisorctl, &[])
}

/// The states of all programs that supervisor has.
///
/// # Errors
/// When one of the `named` programs is not among them.
pub fn read_all(named: &[ProgramName], said: &Said) -> Result<BTreeMap<ProgramName, ProgramStatus>, NoStatus> {
    let (mut states, mut others) = (BTreeMap::new(), Vec::new());
    for line in said.stdout.lines().chain(said.stderr.lines()) {
        match read_line(line) {
            Line::Program(name, state, description) => {
                states.insert(name.into(), ProgramStatus::read(state, description));
            }
            Line::NoSuch(text) | Line::Other(text) => others.push(text),
        }
    }
    let missing: Vec<String> =
        named.iter().filter(|named| !has_state(&states, named)).map(ToString::to_string).collect();
    match (missing.is_empty(), states.is_empty()) {
        (true, _) => Ok(states),
        (false, false) => Err(NoStatus::NoProgram(missing)),
        (false, true) => Err(not_said(said, &others, missing)),
    }
}

/// Whether a program is one of those that are named, by its own name or with its group.
#[must_use]
pub fn is_named(named: &[ProgramName], program: &ProgramName) -> bool {
    meant(named, program.as_str()).is_some()
}

/// What was asked for and has no state.
fn missing(asked: &[ProgramName], states: &BTreeMap<ProgramName, ProgramStatus>) -> Vec<String> {
    // Each state is of a program that was asked for, so there is one for each unless groups were.
    if states.len() == asked.len() && !asked.iter().any(|asked| asked.as_str().ends_with('*')) {
        return Vec::new();
    }
    asked.iter().filter(|asked| !has_state(states, asked)).map(ToString::to_string).collect()
}

/// Whether there is a state of a program, or of one of a group.
fn has_state(states: &BTreeMap<ProgramName, ProgramStatus>, asked: &ProgramName) -> bool {
    states.contains_key(asked) || states.keys().any(|name| is_of_group(asked, name.as_str()))
}

/// The program of that name, if it was asked for, by its own name or with its group.
pub(super) fn meant(asked: &[ProgramName], name: &str) -> Option<ProgramName> {
    let known = asked.iter().find(|asked| asked.as_str() == name).cloned();
    known.or_else(|| asked.iter().any(|asked| is_of_group(asked, name)).then(|| name.into()))
}

/// Whether `asked` stands for a group, and `name` is a program of it.
fn is_of_group(asked: &ProgramName, name: &str) -> bool {
    let group = asked.as_str().strip_suffix(":*");
    group.is_some_and(|group| name.split(':').next() == Some(group))
}

enum Line<'a> {
    /// A program, its state, and what is said about it.
    Program(&'a str, State, &'a str),
    NoSuch(&'a str),
    Other(&'a str),
}

fn read_line(line: &str) -> Line<'_> {
    let line = line.trim_ascii();
    let (name, rest) = first_word(line);
    let (word, description) = first_word(rest);
    if let Some(state) = State::named(word) {
        return Line::Program(name, state, description);
    }
    match line.split_once(": ERROR (") {
        Some((name, "no such process)" | "no such group)")) => Line::NoSuch(name),
        _ => Line::Other(line),
    }
}

/// The first word of a text, and what follows the blanks behind it.
fn first_word(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_ascii_start())
}

/// The process id and the time of `pid 18916, uptime 3 days, 0:00:02`.
fn read_running(description: &str) -> (Option<u32>, Option<Duration>) {
    let Some((pid, uptime)) = description.strip_prefix("pid ").and_then(|rest| rest.split_once(',')) else {
        return (None, None);
    };
    (pid.parse().ok(), uptime.strip_prefix(" uptime ").and_then(read_uptime))
}

fn read_uptime(text: &str) -> Option<Duration> {
    let (days, clock) = match text.split_once(' ') {
        Some((days, rest)) => (days.parse().ok()?, rest.strip_prefix("days, ").or_else(|| rest.strip_prefix("day, "))?),
        None => (0, text),
    };
    let mut seconds: u64 = 0;
    for part in clock.split(':') {
        seconds = seconds * 60 + part.parse::<u64>().ok()?;
    }
    Some(Duration::from_secs(days * 86_400_u64 + seconds))
}

/// Whether a line says that nothing listens, or that the connection has ended. Supervisor does that when it is restarted while
/// it is asked. supervisorctl prints it as `error: <class 'ConnectionResetError'>, [Errno 104] Connection reset by peer: ...`,
/// and with Python 2 as `error: <class 'socket.error'>, [Errno 104] ...`.
fn tells_of_no_server(line: &str) -> bool {
    const NO_SERVER: [&str; 2] = ["no such file", "refused connection"];
    // The name of a fault, which one that is shutting down answers with; it is printed in both forms.
    if line.contains("SHUTDOWN_STATE") {
        return true;
    }
    // The numbers of: no such file, broken pipe, connection reset, timed out, connection refused.
    const LOST: [&str; 5] = ["[Errno 2]", "[Errno 32]", "[Errno 104]", "[Errno 110]", "[Errno 111]"];
    // Names of exceptions, some of which come without a number.
    const ENDED: [&str; 7] = [
        "Connection",
        "BrokenPipe",
        "RemoteDisconnected",
        "BadStatusLine",
        "IncompleteRead",
        "imeout",
        "CannotSendRequest",
    ];
    let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    match line.strip_prefix("error: <class '").and_then(|rest| rest.split_once('>')) {
        Some((exception, message)) => has(exception, &ENDED) || has(message, &LOST),
        None => has(line, &NO_SERVER),
    }
}

/// Why programs are missing from an answer.
pub(super) fn not_said(said: &Said, others: &[&str], programs: Vec<String>) -> NoStatus {
    if let Some(line) = others.iter().find(|line| tells_of_no_server(line)) {
        return NoStatus::NoServer((*line).to_owned());
    }
    let last = others.iter().rev().find(|line| !line.is_empty()).map_or_else(|| said.last_line(), |line| *line);
    match said.exit {
        EXIT_TIMED_OUT => NoStatus::TimedOut,
        126 | 127 => NoStatus::NoSupervisorctl(last.to_owned()),
        _ => NoStatus::NotSaid { programs, printed: last.to_owned() },
    }
}
