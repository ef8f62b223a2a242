//! The unit of systemd that supervisor runs in. Whatever a process does with its environment or its parents, it stays in the unit
//! of whatever started it, unless systemd moves it (see `outside`). So in there are supervisor itself, what it runs now, and what
//! is left of programs that it does not run any more.

use std::collections::BTreeSet;

use super::listed::{INIT, Listed, NotListed};

/// The processes in supervisor's unit.
#[derive(Default)]
pub(super) struct InUnit {
    /// All of them, whatever their namespace is.
    pub(super) all: BTreeSet<u32>,
    /// Those that supervisor does not run any more, and of which nothing says to which program they belonged.
    pub(super) orphans: BTreeSet<u32>,
}

/// The processes in supervisor's unit. None are known on a host without systemd.
pub(super) fn in_unit(listed: &Listed) -> Result<InUnit, NotListed> {
    if !listed.has_systemd {
        return Ok(InUnit::default());
    }
    let supervisors = supervisors(listed)?;
    let units: BTreeSet<&str> = supervisors.iter().filter_map(|pid| own_unit(listed, *pid)).collect();
    if units.is_empty() {
        let is_known = listed.supervisor.pid.is_some();
        return Err(if is_known { NotListed::NoUnit } else { NotListed::Unknown });
    }
    let all = listed.control_groups.iter().filter(|(_, path)| units.iter().any(|unit| is_within(path, unit)));
    let all: BTreeSet<u32> = all.map(|(pid, _)| *pid).collect();
    // Whatever starts supervisor, such as a shell, belongs to it too.
    let living: BTreeSet<u32> = supervisors.iter().map(|pid| first_above(listed, &all, *pid)).collect();
    let is_orphan = |pid: &u32| {
        let first = first_above(listed, &all, *pid);
        !listed.marks.contains_key(pid) && !living.contains(&first) && !is_called(listed, first, "supervisorctl")
    };
    let orphans = all.iter().copied().filter(is_orphan).collect();
    Ok(InUnit { all, orphans })
}

/// The process that supervisor says is its own. If it does not answer, those that are called like it.
pub(super) fn supervisors(listed: &Listed) -> Result<BTreeSet<u32>, NotListed> {
    let found: BTreeSet<u32> = match listed.supervisor.pid {
        Some(pid) => listed.processes.contains_key(&pid).then_some(pid).into_iter().collect(),
        None => {
            let of_host = listed.processes.keys().copied().filter(|pid| !listed.is_apart(*pid));
            of_host.filter(|pid| is_called(listed, *pid, "supervisord")).collect()
        }
    };
    match found.is_empty() {
        false => Ok(found),
        true if listed.supervisor.pid.is_some() => Err(NotListed::NoSupervisor),
        true => Err(NotListed::Unknown),
    }
}

/// Whether a process is one of supervisor's own programs. `supervisorctl` in its unit is what systemd stops it with.
fn is_called(listed: &Listed, pid: u32, program: &str) -> bool {
    let is_it = |word: &str| word.rsplit('/').next() == Some(program);
    let Some(process) = listed.processes.get(&pid) else { return false };
    is_it(&process.name) || listed.commands.get(&pid).is_some_and(|command| command.split(' ').any(is_it))
}

/// The control group of the unit whose main process is supervisor or has started it, or which is called like it. In any other
/// one, such as that of sshd, processes are none of supervisor's.
fn own_unit(listed: &Listed, supervisor: u32) -> Option<&str> {
    let parent = listed.parent(supervisor);
    let is_main = listed.supervisor.main_of_units.iter().any(|main| *main == supervisor || parent == Some(*main));
    let groups = listed.control_groups.iter().filter(|(pid, _)| *pid == supervisor);
    groups.filter_map(|(_, path)| unit(path)).find(|unit| is_main || is_called_supervisor(unit))
}

/// The control group of the innermost unit of a service in a path, such as `/system.slice/supervisor.service`.
fn unit(path: &str) -> Option<&str> {
    let end = path.rfind(".service").map(|at| at + ".service".len())?;
    path[end..].starts_with('/').then_some(&path[..end]).or_else(|| (end == path.len()).then_some(path))
}

fn is_called_supervisor(unit: &str) -> bool {
    unit.rsplit('/').next().is_some_and(|name| name.starts_with("supervisor"))
}

pub(super) fn is_within(path: &str, unit: &str) -> bool {
    path.strip_prefix(unit).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The topmost process of the unit from which this one comes; itself, if init or somebody outside has started it or has taken
/// it over.
fn first_above(listed: &Listed, in_unit: &BTreeSet<u32>, pid: u32) -> u32 {
    let above = |pid: &u32| listed.parent(*pid).filter(|parent| *parent != INIT && in_unit.contains(parent));
    // Processes may end while they are listed, so that a number is that of another one by now.
    std::iter::successors(Some(pid), above).take(listed.processes.len()).last().unwrap_or(pid)
}
