//! A look at the processes of a host: the list of them, and how those of programs are recognised in it.

use std::time::Duration;

use cutover_core::journal::Traces;
use cutover_core::names::ProgramName;

use super::listed::{Listed, NotListed};
use super::unit::{self, InUnit};
use crate::command::Said;

/// A process that should not be there, or not where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its process id.
    pub pid: u32,
    /// When it began, in the kernel's ticks since boot: another process may get its id later.
    pub begun: Option<u64>,
    /// The program that it belongs to; `None` if nothing says for which one supervisor had started it.
    pub program: Option<ProgramName>,
    /// Its program and the first path in its command line, or its name in brackets. The rest may contain passwords.
    pub command: String,
}

/// How the processes of programs are recognised.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// The programs.
    pub programs: &'a [ProgramName],
    /// The process ids that the programs had while they ran, where they are known.
    pub pids: &'a [LastPid<'a>],
    /// What was put on record of what they have started.
    pub traces: Option<&'a Traces>,
}

impl<'a> Signs<'a> {
    /// Those of programs of which nothing else is known.
    #[must_use]
    pub const fn of(programs: &'a [ProgramName]) -> Self {
        Self { programs, pids: &[], traces: None }
    }
}

/// The process id that a program had when it was last seen running.
#[derive(Clone, Copy, Debug)]
pub struct LastPid<'a> {
    /// The program.
    pub program: &'a ProgramName,
    /// Its process id then.
    pub pid: u32,
    /// How long ago that was. A host that has been started since gives the number to another process.
    pub ago: Duration,
}

/// The list of processes, and what is known of the programs.
pub(super) struct Look<'a> {
    pub(super) listed: Listed,
    pub(super) in_unit: InUnit,
    pub(super) signs: &'a Signs<'a>,
    /// Those of the process ids that the programs had since the host was started.
    pids: Vec<&'a LastPid<'a>>,
}

impl<'a> Look<'a> {
    pub(super) fn read(signs: &'a Signs<'_>, said: &Said) -> Result<Self, NotListed> {
        let listed = Listed::read(said)?;
        let in_unit = unit::in_unit(&listed)?;
        let age = listed.age();
        let is_of_this_boot = |last: &&LastPid<'_>| age.is_none_or(|age| age >= last.ago);
        let pids = signs.pids.iter().filter(is_of_this_boot).collect();
        Ok(Self { listed, in_unit, signs, pids })
    }

    /// The program that a process itself shows: by its environment or its process group. Those of containers show other ones.
    pub(super) fn program(&self, pid: u32) -> Option<ProgramName> {
        let process = self.listed.processes.get(&pid)?;
        if self.listed.is_apart(pid) && !self.in_unit.all.contains(&pid) {
            return None;
        }
        let of_group = || self.pids.iter().find(|last| last.pid == process.group).map(|last| last.program.clone());
        self.listed.program_of(pid, self.signs.programs).or_else(of_group)
    }

    pub(super) fn shown(&self, pid: u32, program: Option<ProgramName>) -> Leftover {
        let process = self.listed.processes.get(&pid);
        let name = || process.map_or_else(String::new, |process| format!("[{}]", escaped(&process.name)));
        let command = self.listed.commands.get(&pid).map_or_else(name, |line| shown(line));
        Leftover { pid, begun: process.and_then(|process| process.begun), program, command }
    }
}

/// How much of a command line is shown.
const SHOWN: usize = 60;

/// What is shown of a command line: the program, and the first path after it, such as that of its script.
fn shown(line: &str) -> String {
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or_default();
    let path = words.find(|word| word.starts_with('/'));
    let short: Vec<&str> = [program.trim_end_matches(':')].into_iter().chain(path).collect();
    escaped(&short.join(" ")).chars().take(SHOWN).collect()
}

/// Without characters that a terminal would obey.
fn escaped(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}
