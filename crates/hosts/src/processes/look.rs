//! A look at the processes of a host: the list of them, and how those of programs are recognised in it.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::journal::{TracedProcess, Traces};
use cutover_core::names::ProgramName;

use super::listed::{INIT, Listed, NotListed};
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
    /// The process ids of programs that run, as supervisor says.
    pub pids: &'a [(&'a ProgramName, u32)],
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

/// The list of processes, and what is known of the programs.
pub(super) struct Look<'a> {
    pub(super) listed: Listed,
    pub(super) in_unit: InUnit,
    /// The processes of supervisor itself; none if they are not known, or if it is the first process.
    pub(super) supervisors: BTreeSet<u32>,
    pub(super) signs: &'a Signs<'a>,
    /// The processes of supervisor's that are programs, as it says.
    pub(super) running: BTreeMap<u32, &'a ProgramName>,
    /// The process groups that programs lead, or have led.
    groups: BTreeMap<u32, &'a ProgramName>,
}

impl<'a> Look<'a> {
    pub(super) fn read(signs: &'a Signs<'_>, said: &Said) -> Result<Self, NotListed> {
        let listed = Listed::read(said)?;
        let in_unit = unit::in_unit(&listed)?;
        let mut supervisors = unit::supervisors(&listed).unwrap_or_default();
        let is_started = |pid| listed.parent(pid).is_some_and(|parent| supervisors.contains(&parent));
        let running = signs.pids.iter().map(|(program, pid)| (*pid, *program)).filter(|(pid, _)| is_started(*pid));
        let running: BTreeMap<u32, &ProgramName> = running.collect();
        supervisors.remove(&INIT);
        let groups = traced_groups(&listed, signs).chain(running.clone()).collect();
        Ok(Self { listed, in_unit, supervisors, signs, running, groups })
    }

    /// The program that a process itself shows: by its environment or its process group. Those of containers show other ones.
    pub(super) fn program(&self, pid: u32) -> Option<ProgramName> {
        let process = self.listed.processes.get(&pid)?;
        if self.listed.is_apart(pid) && !self.in_unit.all.contains(&pid) {
            return None;
        }
        let of_group = || self.groups.get(&process.group).filter(|_| self.may_be_of_group(pid, process.group));
        self.listed.program_of(pid, self.signs.programs).or_else(|| of_group().map(|program| (*program).clone()))
    }

    /// Whether a process in a group that a program leads, or has led, may be its own. One that shows another program is not. Once
    /// nothing is left of a group, its number may be that of a stranger's, so a group without its leader is known only within
    /// supervisor's unit.
    fn may_be_of_group(&self, pid: u32, group: u32) -> bool {
        let is_known = self.in_unit.all.contains(&pid) || self.listed.processes.contains_key(&group);
        !self.listed.marks.contains_key(&pid) && (is_known || !self.listed.has_systemd)
    }

    pub(super) fn shown(&self, pid: u32, program: Option<ProgramName>) -> Leftover {
        let process = self.listed.processes.get(&pid);
        let name = || process.map_or_else(String::new, |process| format!("[{}]", escaped(&process.name)));
        let command = self.listed.commands.get(&pid).map_or_else(name, |line| shown(line));
        Leftover { pid, begun: process.and_then(|process| process.begun), program, command }
    }
}

/// The groups of processes that were put on record in this boot. A leader that began at another time leads another group.
fn traced_groups<'a>(listed: &Listed, signs: &Signs<'a>) -> impl Iterator<Item = (u32, &'a ProgramName)> {
    let traces = signs.traces.filter(|traces| traces.boot == listed.boot());
    let traced = traces.into_iter().flat_map(|traces| &traces.processes);
    let is_same = |traced: &&TracedProcess| {
        listed.processes.get(&traced.pid).is_none_or(|process| process.begun == Some(traced.begun))
    };
    traced.filter(is_same).filter_map(|traced| Some((traced.pid, traced.program.as_ref()?)))
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
pub(super) fn escaped(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}
