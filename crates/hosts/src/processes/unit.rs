//! The unit of systemd that supervisor runs in. Whatever a process does with its environment, its session or its parents, it
//! stays in the unit of whatever started it. So in there are supervisor itself, what it runs now, and what is left of
//! programs that it does not run any more.

use std::collections::BTreeSet;

use super::listed::Listed;

/// The process that starts all others, and takes over those whose parent has ended.
const INIT: u32 = 1;

/// The processes in supervisor's unit that supervisor does not run any more, and of which nothing says to which program they
/// belonged. None are known where supervisor has no unit of its own, such as on a host without systemd.
pub(super) fn orphans(listed: &Listed) -> BTreeSet<u32> {
    let in_unit = listed.control_groups.iter().filter(|(_, path)| is_of_supervisor(path));
    let in_unit: BTreeSet<u32> = in_unit.map(|(pid, _)| *pid).collect();
    let supervisors = in_unit.iter().filter(|pid| is_supervisor(listed, **pid));
    // Whatever starts supervisor, such as a shell, belongs to it too.
    let living: BTreeSet<u32> = supervisors.map(|pid| first_above(listed, *pid)).collect();
    if living.is_empty() {
        return living;
    }
    let is_orphan = |pid: &u32| !listed.marks.contains_key(pid) && !living.contains(&first_above(listed, *pid));
    in_unit.into_iter().filter(is_orphan).collect()
}

/// Whether a control group is that of a unit for supervisor, such as `/system.slice/supervisor.service`.
fn is_of_supervisor(control_group: &str) -> bool {
    control_group.split('/').any(|part| part.starts_with("supervisor") && part.ends_with(".service"))
}

fn is_supervisor(listed: &Listed, pid: u32) -> bool {
    let is_it = |word: &str| word.rsplit('/').next() == Some("supervisord");
    let Some(process) = listed.processes.get(&pid) else { return false };
    is_it(&process.name) || listed.commands.get(&pid).is_some_and(|command| command.split(' ').any(is_it))
}

/// The process from which this one comes and that init has started or taken over; itself, if that is so of it.
fn first_above(listed: &Listed, pid: u32) -> u32 {
    let parent = |pid: &u32| {
        let parent = listed.processes.get(pid)?.parent;
        (parent != INIT && listed.processes.contains_key(&parent)).then_some(parent)
    };
    // Processes may end while they are listed, so that a number is that of another one by now.
    std::iter::successors(Some(pid), parent).take(listed.processes.len()).last().unwrap_or(pid)
}
