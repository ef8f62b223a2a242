//! The processes of programs on a host, whatever supervisor believes about them.
//!
//! A program that supervisor has stopped can leave processes behind: `stopasgroup` reaches only the program's process
//! group. Each process that supervisor starts gets the variables `SUPERVISOR_GROUP_NAME` and `SUPERVISOR_PROCESS_NAME`, and
//! so does everything that it starts in turn. A process that has overwritten its environment, as ones that set their own
//! title do, is found by its process group, which is the process id that its program had, as long as that is known and the
//! host has not been started again; and by the unit of systemd that supervisor runs in, which it cannot leave (see `unit`).
//! On a host without systemd only the first two are there.
//!
//! The processes of containers on the host are left out: a supervisor in there has programs of its own, perhaps with the
//! same names. They are in another namespace of process ids than the shell that lists them. A program can make such a
//! namespace as well, as sandboxes do: what is in supervisor's unit belongs to it all the same.
//!
//! `ask` is the question, and `listed` reads the answer.

mod ask;
mod listed;
mod program;
mod unit;

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_core::names::ProgramName;

use self::listed::Listed;
use crate::command::Said;

pub use ask::{answer, ask, is_asked};
pub use listed::NotListed;

/// A process that should not be there.
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

/// The processes that supervisor had started for these programs, or for a program that is not known and does not run any
/// more. Those that have ended and wait for their parent are left out.
///
/// # Errors
/// When the list is not complete, or what is left cannot be looked for. It is never said to be nothing then.
pub fn read(signs: &Signs<'_>, said: &Said) -> Result<Vec<Leftover>, NotListed> {
    let listed = Listed::read(said)?;
    let in_unit = unit::in_unit(&listed)?;
    let age = listed.age();
    let is_of_this_boot = |last: &&LastPid<'_>| age.is_none_or(|age| age >= last.ago);
    let pids: Vec<&LastPid<'_>> = signs.pids.iter().filter(is_of_this_boot).collect();
    let of_group = |pgid: u32| pids.iter().find(|last| last.pid == pgid).map(|last| last.program.clone());
    let of_host = listed.processes.iter().filter(|(pid, _)| !listed.is_apart(**pid) || in_unit.all.contains(*pid));
    let found = of_host.filter_map(|(pid, process)| {
        let program = listed.program_of(*pid, signs.programs).or_else(|| of_group(process.group));
        let is_left = program.is_some() || in_unit.orphans.contains(pid);
        let command =
            || listed.commands.get(pid).map_or_else(|| format!("[{}]", escaped(&process.name)), |line| shown(line));
        is_left.then(|| Leftover { pid: *pid, begun: process.begun, program, command: command() })
    });
    Ok(found.collect())
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
