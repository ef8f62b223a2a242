//! The processes of programs on a host, whatever supervisor believes about them.
//!
//! A program that supervisor has stopped can leave processes behind: `stopasgroup` reaches only the program's process group.
//! Each process that supervisor starts gets the variables `SUPERVISOR_GROUP_NAME` and `SUPERVISOR_PROCESS_NAME`, and so
//! does everything that it starts in turn. A process that has overwritten its environment, as ones that set their own
//! title do, is found by its process group, which is the process id that its program had. Another process may get that number later,
//! so it was put on record with the time at which the program began. And it is found by the unit of systemd that supervisor runs
//! in (see `unit`), which is left only through systemd. What has left it, and what is on a host without systemd, is found by what was put on record while its program ran
//! (see `outside`).
//!
//! The processes of containers on the host are left out: a supervisor in there has programs of its own, perhaps with the
//! same names. They are in another namespace of process ids than the shell that lists them. A program can make such a
//! namespace as well, as sandboxes do: what is in supervisor's unit belongs to it all the same.
//!
//! `ask` is the question, `listed` reads the answer (`scopes` what it says of systemd's scopes), and `look` recognises the processes
//! of programs in it.

mod ask;
mod listed;
mod look;
mod outside;
mod program;
mod scopes;
mod sessions;
mod unit;

use std::collections::BTreeMap;

use cutover_core::journal::Traces;
use cutover_core::unknown_sessions::UnknownSession;

use self::listed::Listed;
use self::look::Look;
use crate::command::Said;

pub use ask::{answer, ask, is_asked};
pub use listed::NotListed;
pub use look::{Leftover, Signs};

/// The processes that supervisor had started for these programs, or for a program that is not known and does not run any
/// more. Those that have ended and wait for their parent are left out.
///
/// # Errors
/// When the list is not complete, or what is left cannot be looked for. It is never said to be nothing then.
pub fn read(signs: &Signs<'_>, said: &Said) -> Result<Vec<Leftover>, NotListed> {
    let look = Look::read(signs, said)?;
    let found = look.listed.processes.keys().filter_map(|pid| {
        let traced = || signs.traces.and_then(|traces| outside::traced(&look, traces, *pid));
        let of_nobody_known = || look.in_unit.orphans.contains(pid).then_some(None);
        let program = look.program(*pid).map(Some).or_else(traced).or_else(of_nobody_known)?;
        Some(look.shown(*pid, program))
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

/// The sessions that something has opened with `su` or `runuser`, and of which nothing shows that they are or are not of these
/// programs.
///
/// # Errors
/// As [`read`].
pub fn unknown_sessions(signs: &Signs<'_>, said: &Said) -> Result<Vec<UnknownSession>, NotListed> {
    Ok(sessions::unknown_sessions(&Look::read(signs, said)?))
}

/// The ids of all processes of the host, and when each began, except of those in containers and of those that have ended and wait
/// for their parent.
///
/// # Errors
/// When the list is not complete.
pub fn ids(said: &Said) -> Result<BTreeMap<u32, Option<u64>>, NotListed> {
    let listed = Listed::read(said)?;
    let own = listed.processes.iter().filter(|(pid, _)| !listed.is_apart(**pid));
    Ok(own.map(|(pid, process)| (*pid, process.begun)).collect())
}

#[cfg(test)]
mod tests;
