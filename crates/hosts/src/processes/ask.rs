//! The question for all processes of a host, and a simulated answer.

use cutover_core::names::ProgramName;

use super::program::split;
use crate::command::{Ask, Command, RunAs};

/// Lists every process in five sections. A few programs do it for all processes together, because a host under load has
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
echo @cgroup
grep -s '^[01]:' /proc/[0-9]*/cgroup
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
