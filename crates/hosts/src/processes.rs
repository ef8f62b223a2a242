//! The processes of programs on a host, whatever supervisor believes about them.
//!
//! A program that supervisor has stopped can leave processes behind: `stopasgroup` reaches only the program's process group.
//! Each process that supervisor starts gets the variables `SUPERVISOR_GROUP_NAME` and `SUPERVISOR_PROCESS_NAME`, and so
//! does everything that it starts in turn. A process that has overwritten its environment, as ones that set their own
//! title do, is found by its process group, which is the program's process id, or by a text in its command line.
//!
//! The processes of containers on the host are left out: a supervisor in there has programs of its own, perhaps with the
//! same names. They are in another namespace of process ids than the shell that lists them.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::names::ProgramName;

use crate::command::{Ask, Command, RunAs, Said};

/// A process that should not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its process id.
    pub pid: u32,
    /// When it began, in the kernel's ticks since boot: another process may get its id later.
    pub begun: Option<u64>,
    /// The program that it belongs to; `None` if it was found by its command line.
    pub program: Option<ProgramName>,
    /// Its command line, or its name in brackets.
    pub command: String,
}

/// How the processes of programs are recognised.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// The programs.
    pub programs: &'a [ProgramName],
    /// The process ids that the programs had while they ran, where they are known.
    pub pids: &'a BTreeMap<ProgramName, u32>,
    /// Texts of which none may be in a command line.
    pub texts: &'a [String],
}

/// Lists every process in four sections. A few programs do it for all processes together, because a host under load has
/// hundreds.
const SCRIPT: &str = "\
[ -r /proc/1/environ ] || { echo 'the environment of processes can be read only by root' >&2; exit 1; }
echo @environ
grep -saz '^SUPERVISOR_[GP][A-Z]*_NAME=' /proc/[0-9]*/environ | tr '\\0' '\\n'
echo @stat
cat /proc/[0-9]*/stat 2>/dev/null
echo @namespace
echo \"own $(readlink /proc/$$/ns/pid)\"
find /proc/[0-9]*/ns/pid -maxdepth 0 -printf '%p %l\\n' 2>/dev/null
echo @cmdline
grep -saz . /proc/[0-9]*/cmdline | tr '\\0' '\\n'
echo @end
";

/// The question for all processes of a host.
#[must_use]
pub fn ask() -> Ask {
    Ask::new(Command { run_as: RunAs::root(), ..Command::script(SCRIPT, Vec::<String>::new()) })
}

/// Whether a question is the one for all processes, for a simulation.
#[must_use]
pub fn is_asked(ask: &Ask) -> bool {
    matches!(ask.command.arguments.as_slice(), [_, _, script, ..] if script == SCRIPT)
}

/// The answer of a host on which only these processes run, for a simulation: process id and program.
#[must_use]
pub fn answer(processes: &[(u32, &ProgramName)]) -> String {
    let mut text = "@environ\n".to_owned();
    for (pid, program) in processes {
        let (group, name) = split(program);
        text += &format!("/proc/{pid}/environ:SUPERVISOR_GROUP_NAME={group}\n");
        text += &format!("/proc/{pid}/environ:SUPERVISOR_PROCESS_NAME={name}\n");
    }
    text += "@stat\n1 (systemd) S 0 1 1\n";
    processes.iter().for_each(|(pid, _)| text += &format!("{pid} (python) S 1 {pid} {pid}\n"));
    text += "@cmdline\n";
    processes.iter().for_each(|(pid, program)| text += &format!("/proc/{pid}/cmdline:{program}\n"));
    text + "@end\n"
}

/// Why processes are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the processes of the host could not be listed: {0}")]
pub struct NotListed(String);

/// The processes that have one of the signs. Those that have ended and wait for their parent are left out.
///
/// # Errors
/// When the list is not complete.
pub fn read(signs: &Signs<'_>, said: &Said) -> Result<Vec<Leftover>, NotListed> {
    let listed = Listed::read(said)?;
    let of_group = |pgid: u32| signs.pids.iter().find(|(_, pid)| **pid == pgid).map(|(program, _)| program.clone());
    let found = listed.processes.iter().filter_map(|(pid, process)| {
        let command = listed.commands.get(pid).cloned().unwrap_or_else(|| format!("[{}]", process.name));
        let program = listed.program_of(*pid, signs.programs).or_else(|| of_group(process.group));
        let by_text = signs.texts.iter().any(|text| command.contains(text.as_str()));
        (program.is_some() || by_text).then_some(Leftover { pid: *pid, begun: process.begun, program, command })
    });
    Ok(found.collect())
}

/// The ids of all processes of the host, except of those that have ended and wait for their parent.
///
/// # Errors
/// When the list is not complete.
pub fn ids(said: &Said) -> Result<BTreeSet<u32>, NotListed> {
    Listed::read(said).map(|listed| listed.processes.into_keys().collect())
}

/// A process as `/proc/PID/stat` shows it.
struct Process {
    name: String,
    group: u32,
    begun: Option<u64>,
}

#[derive(Default)]
struct Listed {
    /// supervisor's group and process name in the environment.
    marks: BTreeMap<u32, (String, String)>,
    processes: BTreeMap<u32, Process>,
    /// The namespace of process ids of each process, where that can be read, and of the shell that lists them.
    namespaces: BTreeMap<u32, String>,
    own_namespace: Option<String>,
    commands: BTreeMap<u32, String>,
}

impl Listed {
    fn read(said: &Said) -> Result<Self, NotListed> {
        let mut listed = Self::default();
        let mut section = "";
        for line in said.stdout.lines() {
            match (line, section) {
                ("@environ" | "@stat" | "@namespace" | "@cmdline" | "@end", _) => section = line,
                (_, "@environ") => listed.read_mark(line),
                (_, "@stat") => listed.read_stat(line),
                (_, "@namespace") => listed.read_namespace(line),
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
        let (state, group, begun) = (words.next(), words.nth(1), words.nth(16));
        let (Ok(pid), Some(group)) = (pid.parse(), group.and_then(|group| group.parse().ok())) else { return };
        if !matches!(state, Some("Z" | "X")) {
            let begun = begun.and_then(|begun| begun.parse().ok());
            self.processes.insert(pid, Process { name: name.to_owned(), group, begun });
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

    /// The first argument of a process has the file's name in front of it, the others follow on lines of their own.
    fn read_command(&mut self, line: &str) {
        let Some((pid, argument)) = of_process(line, "/cmdline:") else { return };
        let command = self.commands.entry(pid).or_default();
        if !command.is_empty() {
            command.push(' ');
        }
        command.push_str(argument);
    }

    fn program_of(&self, pid: u32, programs: &[ProgramName]) -> Option<ProgramName> {
        let (group, name) = self.marks.get(&pid)?;
        let is_meant = |program: &&ProgramName| {
            let (wanted, process) = split(program);
            wanted == group && (process == "*" || process == name)
        };
        programs.iter().find(is_meant).cloned()
    }
}

/// `/proc/PID` and a file of it, and the rest of the line.
fn of_process<'a>(line: &'a str, file: &str) -> Option<(u32, &'a str)> {
    let (pid, rest) = line.strip_prefix("/proc/")?.split_once(file)?;
    Some((pid.parse().ok()?, rest))
}

/// A program's group and name. One without a group is in a group of the same name.
fn split(program: &ProgramName) -> (&str, &str) {
    program.as_str().split_once(':').unwrap_or((program.as_str(), program.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(names: &[&str]) -> Vec<ProgramName> {
        names.iter().map(|name| (*name).into()).collect()
    }

    fn found(stdout: &str, signs: &Signs<'_>) -> Vec<(u32, Option<String>)> {
        let said = Said { stdout: stdout.to_owned(), ..Said::default() };
        let left = read(signs, &said).expect("a complete list");
        left.into_iter().map(|left| (left.pid, left.program.map(|name| name.to_string()))).collect()
    }

    /// As the script prints it on a Debian host; shortened.
    const LISTED: &str = "\
@environ
/proc/70/environ:SUPERVISOR_GROUP_NAME=lms
/proc/70/environ:SUPERVISOR_PROCESS_NAME=lms
/proc/71/environ:SUPERVISOR_GROUP_NAME=edxapp_worker
/proc/71/environ:SUPERVISOR_PROCESS_NAME=lms_high_3
/proc/72/environ:SUPERVISOR_GROUP_NAME=lms
/proc/72/environ:SUPERVISOR_PROCESS_NAME=lms
@stat
1 (systemd) S 0 1 1 0
70 (gunicorn: (wor) S 1 70 70 0
71 (celery) R 1 71 71 0
72 (gone) Z 1 72 72 0
73 (title) S 1 71 71 0
80 (sshd) S 1 80 80 0
@cmdline
/proc/70/cmdline:gunicorn
/proc/70/cmdline:--bind
/proc/73/cmdline:celeryd: worker
/proc/80/cmdline:sshd
@end
";

    #[test]
    fn processes_are_found_by_environment_group_and_command_line() {
        let (names, pids) = (programs(&["lms", "edxapp_worker:lms_high_3"]), BTreeMap::new());
        let signs = Signs { programs: &names, pids: &pids, texts: &[] };
        let (lms, worker) = (Some("lms".to_owned()), Some("edxapp_worker:lms_high_3".to_owned()));
        assert_eq!(
            found(LISTED, &signs),
            [(70, lms.clone()), (71, worker.clone())],
            "a process that has ended is not left"
        );

        let pids = BTreeMap::from([("edxapp_worker:lms_high_3".into(), 71)]);
        assert_eq!(found(LISTED, &Signs { pids: &pids, ..signs }).last(), Some(&(73, worker)));

        let texts = ["celeryd: worker".to_owned()];
        assert_eq!(found(LISTED, &Signs { texts: &texts, ..signs }).last(), Some(&(73, None)));
    }

    #[test]
    fn a_process_is_known_by_its_id_and_its_beginning() {
        // As /proc shows a real process.
        let stat =
            "71 (a) b) S 1 71 71 0 -1 4194560 2026 2186 4 1 3 2 1 0 20 0 1 0 6157 12550144 2816 18446744073709551615";
        let text = LISTED.replace("71 (celery) R 1 71 71 0", stat);
        let said = Said { stdout: text, ..Said::default() };
        assert_eq!(ids(&said).expect("a complete list"), [1, 70, 71, 73, 80].into());
        let (names, pids) = (programs(&["edxapp_worker:*"]), BTreeMap::new());
        let left = read(&Signs { programs: &names, pids: &pids, texts: &[] }, &said).expect("a complete list");
        assert_eq!((left[0].pid, left[0].begun), (71, Some(6157)));
    }

    #[test]
    fn the_processes_of_containers_are_left_out() {
        let namespaces = "@namespace\nown pid:[4026531836]\n/proc/1/ns/pid \n/proc/70/ns/pid pid:[4026532199]\n\
                          /proc/71/ns/pid pid:[4026531836]\n@cmdline\n";
        let (names, pids) = (programs(&["lms", "edxapp_worker:*"]), BTreeMap::new());
        let signs = Signs { programs: &names, pids: &pids, texts: &[] };
        let left = found(&LISTED.replace("@cmdline\n", namespaces), &signs);
        assert_eq!(left.into_iter().map(|(pid, _)| pid).collect::<Vec<_>>(), [71]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a real shell lists the processes of this machine")]
    fn the_real_list_is_complete_and_says_which_processes_are_of_the_host_itself() {
        let arguments = ask().command.arguments;
        let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        // Only root may read the environment of the first process.
        if output.status.success() {
            let own = format!("/proc/{}/ns/pid pid:[", std::process::id());
            assert!(stdout.contains(&own), "{stdout}");
            let said = Said { exit: 0, stdout, stderr: String::new() };
            assert!(ids(&said).expect("it is complete").contains(&std::process::id()));
        } else {
            assert!(String::from_utf8_lossy(&output.stderr).contains("only by root"));
        }
    }

    #[test]
    fn other_programs_are_not_meant_and_groups_are() {
        let pids = BTreeMap::new();
        let of = |name: &str| {
            let names = programs(&[name]);
            found(LISTED, &Signs { programs: &names, pids: &pids, texts: &[] }).len()
        };
        assert_eq!([of("cms"), of("lm"), of("edxapp_worker:*"), of("edxapp_worker:lms_low_5")], [0, 0, 1, 0]);
    }

    #[test]
    fn a_list_that_ends_early_or_lacks_the_first_process_is_an_error() {
        let pids = BTreeMap::new();
        let signs = Signs { programs: &[], pids: &pids, texts: &[] };
        let (cut, blind) = (LISTED.replace("@end\n", ""), LISTED.replace("1 (systemd)", "2 (other)"));
        for stdout in [cut, blind, String::new()] {
            assert!(read(&signs, &Said { stdout, ..Said::default() }).is_err());
        }
        let failed = Said { exit: 1, stdout: LISTED.to_owned(), stderr: "only by root".to_owned() };
        assert!(read(&signs, &failed).is_err());
    }

    #[test]
    fn what_a_simulation_answers_is_read_as_it_was_meant() {
        let names = programs(&["lms", "edxapp_worker:lms_high_3"]);
        let text = answer(&[(101, &names[0]), (102, &names[1])]);
        let pids = BTreeMap::new();
        let signs = Signs { programs: &names[..1], pids: &pids, texts: &[] };
        assert_eq!(found(&text, &signs), [(101, Some("lms".to_owned()))]);
    }
}
