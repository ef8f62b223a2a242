//! The processes of programs on a host, whatever supervisor believes about them.
//!
//! A program that supervisor has stopped can leave processes behind: `stopasgroup` reaches only the program's process group.
//! Each process that supervisor starts gets the variables `SUPERVISOR_GROUP_NAME` and `SUPERVISOR_PROCESS_NAME`, and so
//! does everything that it starts in turn. A process that has overwritten its environment, as ones that set their own
//! title do, is found by its process group, which is the process id that its program had, as long as that is known and the
//! host has not been started again; and by the unit of systemd that supervisor runs in (see `unit`), which is left only through
//! systemd. What has left it, and what is on a host without systemd, is found by what was put on record while its program ran
//! (see `outside`).
//!
//! The processes of containers on the host are left out: a supervisor in there has programs of its own, perhaps with the
//! same names. They are in another namespace of process ids than the shell that lists them. A program can make such a
//! namespace as well, as sandboxes do: what is in supervisor's unit belongs to it all the same.
//!
//! `ask` is the question, and `listed` reads the answer.

mod ask;
mod listed;
mod outside;
mod program;
mod unit;

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_core::journal::Traces;
use cutover_core::names::ProgramName;

use self::listed::Listed;
use self::unit::InUnit;
use crate::command::Said;

pub use ask::{answer, ask, is_asked};
pub use listed::NotListed;

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
struct Look<'a> {
    listed: Listed,
    in_unit: InUnit,
    signs: &'a Signs<'a>,
    /// Those of the process ids that the programs had since the host was started.
    pids: Vec<&'a LastPid<'a>>,
}

impl<'a> Look<'a> {
    fn read(signs: &'a Signs<'_>, said: &Said) -> Result<Self, NotListed> {
        let listed = Listed::read(said)?;
        let in_unit = unit::in_unit(&listed)?;
        let age = listed.age();
        let is_of_this_boot = |last: &&LastPid<'_>| age.is_none_or(|age| age >= last.ago);
        let pids = signs.pids.iter().filter(is_of_this_boot).collect();
        Ok(Self { listed, in_unit, signs, pids })
    }

    /// The program that a process itself shows: by its environment or its process group. Those of containers show other ones.
    fn program(&self, pid: u32) -> Option<ProgramName> {
        let process = self.listed.processes.get(&pid)?;
        if self.listed.is_apart(pid) && !self.in_unit.all.contains(&pid) {
            return None;
        }
        let of_group = || self.pids.iter().find(|last| last.pid == process.group).map(|last| last.program.clone());
        self.listed.program_of(pid, self.signs.programs).or_else(of_group)
    }

    fn shown(&self, pid: u32, program: Option<ProgramName>) -> Leftover {
        let process = self.listed.processes.get(&pid);
        let name = || process.map_or_else(String::new, |process| format!("[{}]", escaped(&process.name)));
        let command = self.listed.commands.get(&pid).map_or_else(name, |line| shown(line));
        Leftover { pid, begun: process.and_then(|process| process.begun), program, command }
    }
}

/// The processes that supervisor had started for these programs, or for a program that is not known and does not run any
/// more. Those that have ended and wait for their parent are left out.
///
/// # Errors
/// When the list is not complete, or what is left cannot be looked for. It is never said to be nothing then.
pub fn read(signs: &Signs<'_>, said: &Said) -> Result<Vec<Leftover>, NotListed> {
    let look = Look::read(signs, said)?;
    let found = look.listed.processes.keys().filter_map(|pid| {
        let traced = || signs.traces.and_then(|traces| outside::traced(&look.listed, traces, *pid));
        let program = look.program(*pid).or_else(traced);
        let is_left = program.is_some() || look.in_unit.orphans.contains(pid);
        is_left.then(|| look.shown(*pid, program))
    });
    Ok(found.collect())
}

/// How what these programs have started is recognised once they have ended, as far as nothing else shows it then. It is known
/// only while they run.
///
/// # Errors
/// As [`read`].
pub fn traces(signs: &Signs<'_>, said: &Said) -> Result<Traces, NotListed> {
    Ok(outside::traces(&Look::read(signs, said)?))
}

/// The processes of programs that are outside of supervisor's unit, or let others do their work there. Once a program has ended,
/// nothing shows that they were its own.
///
/// # Errors
/// As [`read`].
pub fn outside(signs: &Signs<'_>, said: &Said) -> Result<Vec<Leftover>, NotListed> {
    let look = Look::read(signs, said)?;
    let found = outside::not_in_unit(&look).into_iter();
    Ok(found.map(|(pid, program)| look.shown(pid, Some(program))).collect())
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

/// The ids of all processes of the host, except of those in containers and of those that have ended and wait for their parent.
///
/// # Errors
/// When the list is not complete.
pub fn ids(said: &Said) -> Result<BTreeSet<u32>, NotListed> {
    let listed = Listed::read(said)?;
    Ok(listed.processes.keys().copied().filter(|pid| !listed.is_apart(*pid)).collect())
}

#[cfg(test)]
mod tests;
