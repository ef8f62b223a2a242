//! The list of all processes, as a host prints it.

use std::collections::BTreeMap;

use cutover_core::names::ProgramName;

use super::program::split;
use crate::command::Said;

/// Why processes are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the processes of the host could not be listed: {0}")]
pub struct NotListed(String);

/// A process as `/proc/PID/stat` shows it.
pub(super) struct Process {
    pub(super) name: String,
    pub(super) parent: u32,
    pub(super) group: u32,
    pub(super) begun: Option<u64>,
}

/// All processes of the host, except those that have ended and wait for their parent.
#[derive(Default)]
pub(super) struct Listed {
    /// supervisor's group and process name in the environment.
    pub(super) marks: BTreeMap<u32, (String, String)>,
    pub(super) processes: BTreeMap<u32, Process>,
    /// The control groups of each process.
    pub(super) control_groups: Vec<(u32, String)>,
    /// The namespace of process ids of each process, where that can be read, and of the shell that lists them.
    namespaces: BTreeMap<u32, String>,
    own_namespace: Option<String>,
    pub(super) commands: BTreeMap<u32, String>,
}

impl Listed {
    pub(super) fn read(said: &Said) -> Result<Self, NotListed> {
        let mut listed = Self::default();
        let mut section = "";
        for line in said.stdout.lines() {
            match (line, section) {
                ("@environ" | "@stat" | "@namespace" | "@cgroup" | "@cmdline" | "@end", _) => section = line,
                (_, "@environ") => listed.read_mark(line),
                (_, "@stat") => listed.read_stat(line),
                (_, "@namespace") => listed.read_namespace(line),
                (_, "@cgroup") => listed.read_cgroup(line),
                (_, "@cmdline") => listed.read_command(line),
                _ => {}
            }
        }
        listed.leave_containers_out();
        // The first process is always there. Without it, or without the end, the list is not complete.
        match section == "@end" && listed.processes.contains_key(&1) && said.exit == 0 {
            true => Ok(listed),
            false => Err(NotListed(said.last_line().to_owned())),
        }
    }

    fn read_mark(&mut self, line: &str) {
        let Some((pid, rest)) = of_process(line, "/environ:") else { return };
        let mark = self.marks.entry(pid).or_default();
        if let Some(group) = rest.strip_prefix("SUPERVISOR_GROUP_NAME=") {
            group.clone_into(&mut mark.0);
        } else if let Some(name) = rest.strip_prefix("SUPERVISOR_PROCESS_NAME=") {
            name.clone_into(&mut mark.1);
        }
    }

    /// `PID (name) state parent group ...`, the 22nd of which is the start. The name may contain blanks and parentheses.
    fn read_stat(&mut self, line: &str) {
        let Some(((pid, name), rest)) =
            line.rsplit_once(") ").and_then(|(head, rest)| Some((head.split_once(" (")?, rest)))
        else {
            return;
        };
        let mut words = rest.split(' ');
        let (state, parent, group, begun) = (words.next(), number(words.next()), number(words.next()), words.nth(16));
        let (Ok(pid), Some(parent), Some(group)) = (pid.parse(), parent, group) else { return };
        if !matches!(state, Some("Z" | "X")) {
            let begun = begun.and_then(|begun| begun.parse().ok());
            self.processes.insert(pid, Process { name: name.to_owned(), parent, group, begun });
        }
    }

    /// `own pid:[NUMBER]`, or `/proc/PID/ns/pid pid:[NUMBER]`.
    fn read_namespace(&mut self, line: &str) {
        if let Some(own) = line.strip_prefix("own ") {
            self.own_namespace = Some(own.to_owned());
        } else if let Some((pid, namespace)) =
            of_process(line, "/ns/pid ").filter(|(_, namespace)| !namespace.is_empty())
        {
            self.namespaces.insert(pid, namespace.to_owned());
        }
    }

    /// Removes the processes that are known to be in another namespace.
    fn leave_containers_out(&mut self) {
        let Some(own) = &self.own_namespace else { return };
        self.processes.retain(|pid, _| self.namespaces.get(pid).is_none_or(|namespace| namespace == own));
    }

    /// `/proc/PID/cgroup:0::/system.slice/supervisor.service`, or `1:name=systemd:` instead of `0::`.
    fn read_cgroup(&mut self, line: &str) {
        let Some((pid, rest)) = of_process(line, "/cgroup:") else { return };
        self.control_groups.extend(rest.splitn(3, ':').nth(2).map(|path| (pid, path.to_owned())));
    }

    /// The first argument of a process has the file's name in front of it, the others follow on lines of their own.
    fn read_command(&mut self, line: &str) {
        let Some((pid, argument)) = of_process(line, "/cmdline:") else { return };
        let command = self.commands.entry(pid).or_default();
        if !command.is_empty() {
            command.push(' ');
        }
        command.push_str(argument);
    }

    pub(super) fn program_of(&self, pid: u32, programs: &[ProgramName]) -> Option<ProgramName> {
        let (group, name) = self.marks.get(&pid)?;
        let is_meant = |program: &&ProgramName| {
            let (wanted, process) = split(program);
            wanted == group && (process == "*" || process == name)
        };
        programs.iter().find(is_meant).cloned()
    }
}

fn number(word: Option<&str>) -> Option<u32> {
    word?.parse().ok()
}

/// `/proc/PID` and a file of it, and the rest of the line.
fn of_process<'a>(line: &'a str, file: &str) -> Option<(u32, &'a str)> {
    let (pid, rest) = line.strip_prefix("/proc/")?.split_once(file)?;
    Some((pid.parse().ok()?, rest))
}
