//! The list of all processes, as a host prints it.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::names::ProgramName;

use super::program::split;
use super::scopes::{Scopes, scope};
use crate::command::{EXIT_TIMED_OUT, Said};

/// The process that starts all others, and takes over those whose parent has ended.
pub(super) const INIT: u32 = 1;

/// Why processes are not known, or what programs have left behind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotListed {
    /// The operator's user may not see them.
    #[error("the processes of the host could not be listed: {0}")]
    NoRights(String),
    /// A part of the list is missing. The next list may be complete.
    #[error("the list of the host's processes is not complete: {0}")]
    Incomplete(String),
    /// The process of supervisor is not in the list. It may just have been started again.
    #[error("supervisor's own process was not found among the processes of the host")]
    NoSupervisor,
    /// Supervisor did not say which process it is, and no unit could be recognised as its own. It may answer the next time.
    #[error(
        "it is not known which processes are supervisor's: `supervisorctl pid` printed no number within 5 s, and supervisord is \
         no service of systemd there"
    )]
    Unknown,
    /// What programs leave behind is found by the unit that supervisor runs in, and it has none of its own.
    #[error("supervisor does not run in a systemd unit of its own, so what its programs leave behind cannot be found")]
    NoUnit,
}

/// A process as `/proc/PID/stat` shows it.
pub(super) struct Process {
    pub(super) name: String,
    pub(super) parent: u32,
    pub(super) group: u32,
    pub(super) begun: Option<u64>,
}

/// What supervisor says of itself, and where it runs.
#[derive(Default)]
pub(super) struct Supervisor {
    /// Its process id, if it has told it.
    pub(super) pid: Option<u32>,
    /// The main process of the unit that it runs in, or of each unit that may be that one.
    pub(super) main_of_units: Vec<u32>,
}

/// All processes of the host and of its containers, except those that have ended and wait for their parent.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) has_systemd: bool,
    pub(super) supervisor: Supervisor,
    /// The kernel's own id of its start.
    boot_id: String,
    /// supervisor's group and process name in the environment.
    pub(super) marks: BTreeMap<u32, (String, String)>,
    pub(super) processes: BTreeMap<u32, Process>,
    /// The control groups of the processes in supervisor's unit, and in sessions and other scopes.
    pub(super) control_groups: Vec<(u32, String)>,
    pub(super) scopes: Scopes,
    /// The namespace of process ids of each process that is not in the shell's own one, and that one.
    namespaces: BTreeMap<u32, String>,
    own_namespace: Option<String>,
    pub(super) commands: BTreeMap<u32, String>,
    /// Those that were there when the last part was listed.
    pub(super) last: BTreeSet<u32>,
    /// Whether the environment of grep was read, whose variable is always there.
    reads_environments: bool,
}

/// The parts of the list, in their order.
const PARTS: [&str; 6] = ["@supervisor", "@environ", "@stat", "@namespace", "@cgroup", "@cmdline"];
/// The exit status of the script if not everything may be read.
const EXIT_NO_RIGHTS: i32 = 77;
/// The lowest exit status of a program that was killed, or could not be started.
const DID_NOT_RUN: u32 = 126;

impl Listed {
    pub(super) fn read(said: &Said) -> Result<Self, NotListed> {
        match said.exit {
            0 => {}
            EXIT_NO_RIGHTS => return Err(NotListed::NoRights(said.last_line().to_owned())),
            EXIT_TIMED_OUT => return Err(NotListed::Incomplete("it took too long".to_owned())),
            _ => return Err(NotListed::Incomplete(said.last_line().to_owned())),
        }
        let whole = said.stdout.trim_end().strip_suffix("\n@end");
        let mut rest = whole.ok_or_else(|| NotListed::Incomplete("it has no end".to_owned()))?;
        let mut listed = Self::default();
        for (part, next) in PARTS.into_iter().zip(PARTS.into_iter().skip(1).map(Some).chain([None])) {
            let text;
            (text, rest) = part_of(rest, part, next)?;
            match part {
                "@supervisor" => text.lines().for_each(|line| listed.read_supervisor(line)),
                "@environ" => text.lines().for_each(|line| listed.read_mark(line)),
                "@stat" => text.lines().for_each(|line| listed.read_stat(line)),
                "@namespace" => text.lines().for_each(|line| listed.read_namespace(line)),
                "@cgroup" => text.lines().for_each(|line| listed.read_cgroup(line)),
                _ => listed.read_commands(text),
            }
        }
        listed.is_plausible().then_some(listed).ok_or_else(|| NotListed::Incomplete("a part of it is empty".to_owned()))
    }

    /// Whether every part has what is in it on every host.
    fn is_plausible(&self) -> bool {
        self.reads_environments
            && self.own_namespace.is_some()
            && self.processes.contains_key(&INIT)
            && self.commands.contains_key(&INIT)
    }

    /// `systemd` on a host where it runs, `pid NUMBER`, `boot ID`, and `MainPID=NUMBER`.
    fn read_supervisor(&mut self, line: &str) {
        match line.split_once([' ', '=']) {
            Some(("pid", pid)) => self.supervisor.pid = pid.trim().parse().ok(),
            Some(("MainPID", pid)) => self.supervisor.main_of_units.extend(pid.trim().parse::<u32>().ok()),
            Some(("boot", id)) => id.trim().clone_into(&mut self.boot_id),
            _ => self.has_systemd |= line.trim() == "systemd",
        }
    }

    fn read_mark(&mut self, line: &str) {
        self.reads_environments |= line == "/proc/self/environ:LISTED=yes";
        let Some((pid, rest)) = of_process(line, "/environ:") else { return };
        let mark = self.marks.entry(pid).or_default();
        if let Some(group) = rest.strip_prefix("SUPERVISOR_GROUP_NAME=") {
            group.clone_into(&mut mark.0);
        } else if let Some(name) = rest.strip_prefix("SUPERVISOR_PROCESS_NAME=") {
            name.clone_into(&mut mark.1);
        }
    }

    /// `PID (name) state parent group begun`. The name may contain blanks and parentheses.
    fn read_stat(&mut self, line: &str) {
        let Some((head, rest)) = line.rsplit_once(')') else { return };
        let Some((pid, name)) = head.split_once('(') else { return };
        let (pid, mut words) = (pid.trim_end(), rest.trim_start().split(' '));
        // The first word is the state.
        let (parent, group, begun) = (number(words.nth(1)), number(words.next()), words.next());
        let (Ok(pid), Some(parent), Some(group)) = (pid.parse(), parent, group) else { return };
        let begun = begun.and_then(|begun| begun.parse().ok());
        self.processes.insert(pid, Process { name: name.to_owned(), parent, group, begun });
    }

    /// `/proc/self/ns/pid pid:[NUMBER]`, and the same for processes in other namespaces.
    fn read_namespace(&mut self, line: &str) {
        if let Some(own) = line.strip_prefix("/proc/self/ns/pid ").filter(|own| !own.is_empty()) {
            self.own_namespace = Some(own.to_owned());
        } else if let Some((pid, namespace)) =
            of_process(line, "/ns/pid ").filter(|(_, namespace)| !namespace.is_empty())
        {
            self.namespaces.insert(pid, namespace.to_owned());
        }
    }

    /// Whether a process is known to be in another namespace: it belongs to a container, or a program has made one for it.
    pub(super) fn is_apart(&self, pid: u32) -> bool {
        self.namespaces.get(&pid).is_some_and(|namespace| self.own_namespace.as_ref() != Some(namespace))
    }

    /// `/proc/PID/cgroup:0::/system.slice/supervisor.service`, or `1:name=systemd:` instead of `0::`. What else is known of scopes
    /// is in lines of their own.
    fn read_cgroup(&mut self, line: &str) {
        let Some((pid, rest)) = of_process(line, "/cgroup:") else { return self.scopes.read(line) };
        self.control_groups.extend(rest.splitn(3, ':').nth(2).map(|path| (pid, path.to_owned())));
    }

    /// `==> /proc/PID/cmdline <==` on a line, and then the beginning of its command line.
    fn read_commands(&mut self, text: &str) {
        let mut pid = None;
        for line in text.lines() {
            if let Some(header) = line.strip_prefix("==> ").and_then(|line| line.strip_suffix("/cmdline <==")) {
                pid = header.strip_prefix("/proc/").and_then(|pid| pid.parse().ok());
                self.last.extend(pid);
            } else if let Some(pid) = pid.filter(|_| !line.trim().is_empty()) {
                let command = self.commands.entry(pid).or_default();
                if !command.is_empty() {
                    command.push(' ');
                }
                command.push_str(line.trim());
            }
        }
    }

    /// The start of the host, or of the container that it is: the kernel of a container runs for longer.
    pub(super) fn boot(&self) -> String {
        let first = self.processes.get(&INIT).and_then(|init| init.begun).unwrap_or_default();
        format!("{}+{first}", self.boot_id)
    }

    /// The parent of a process, unless that is gone.
    pub(super) fn parent(&self, pid: u32) -> Option<u32> {
        let parent = self.processes.get(&pid)?.parent;
        self.processes.contains_key(&parent).then_some(parent)
    }

    /// The control group of the scope that a process is in.
    pub(super) fn scope_of(&self, pid: u32) -> Option<&str> {
        self.control_groups.iter().filter(|(other, _)| *other == pid).find_map(|(_, path)| scope(path))
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

/// The text of a part up to the line with the status of the program that has printed it, and what follows it, from the next
/// part on.
fn part_of<'a>(rest: &'a str, part: &str, next: Option<&str>) -> Result<(&'a str, &'a str), NotListed> {
    let incomplete = || NotListed::Incomplete(format!("`{part}` is missing or was cut off"));
    let begun = rest.trim_start().strip_prefix(part).ok_or_else(incomplete)?;
    let (text, rest) = match next {
        Some(next) => {
            let at = before_line(begun, next).ok_or_else(incomplete)?;
            begun.split_at(at)
        }
        None => (begun, ""),
    };
    let is_blank = |letter: char| letter.is_whitespace() || letter == '\0';
    let (text, last) = text.trim_end_matches(is_blank).rsplit_once('\n').ok_or_else(incomplete)?;
    let status = last.trim().strip_prefix("status ").and_then(|status| status.parse::<u32>().ok());
    match status {
        Some(status) if status < DID_NOT_RUN => Ok((text, rest)),
        _ => Err(incomplete()),
    }
}

/// Where the first line begins that says just this, at the end of the line before.
fn before_line(text: &str, wanted: &str) -> Option<usize> {
    let mut ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at);
    ends.find(|at| text[at + 1..].strip_prefix(wanted).is_some_and(|rest| rest.starts_with('\n')))
}

fn number(word: Option<&str>) -> Option<u32> {
    word?.parse().ok()
}

/// `/proc/PID` and a file of it, and the rest of the line.
fn of_process<'a>(line: &'a str, file: &str) -> Option<(u32, &'a str)> {
    let rest = line.strip_prefix("/proc/")?;
    let (pid, rest) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
    Some((pid.parse().ok()?, rest.strip_prefix(file)?))
}
