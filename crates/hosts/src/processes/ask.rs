//! The question for all processes of a host, and a simulated answer.

use cutover_core::names::ProgramName;

use super::program::split;
use crate::command::{Ask, Command, RunAs};

/// Lists every process in parts. `$1` is supervisorctl.
const SCRIPT: &str = include_str!("list.sh");

/// The question for all processes of a host whose programs this supervisorctl controls.
#[must_use]
pub fn ask(supervisorctl: &str) -> Ask {
    Ask::new(Command { run_as: RunAs::root(), ..Command::script(SCRIPT, [supervisorctl]) })
}

/// Whether a question is the one for all processes, for a simulation.
#[must_use]
pub fn is_asked(ask: &Ask) -> bool {
    matches!(ask.command.arguments.as_slice(), [_, _, script, ..] if script == SCRIPT)
}

/// The answer of a host without systemd on which only these processes run, for a simulation: process id and program.
#[must_use]
pub fn answer(processes: &[(u32, &ProgramName)]) -> String {
    let mut text = "@supervisor\npid 1\nstatus 0\n@environ\n/proc/self/environ:LISTED=yes\n".to_owned();
    for (pid, program) in processes {
        let (group, name) = split(program);
        text += &format!("/proc/{pid}/environ:SUPERVISOR_GROUP_NAME={group}\n");
        text += &format!("/proc/{pid}/environ:SUPERVISOR_PROCESS_NAME={name}\n");
    }
    text += "status 0\n@stat\n1 (supervisord) S 0 1\n";
    processes.iter().for_each(|(pid, _)| text += &format!("{pid} (python) S 1 {pid}\n"));
    text += "status 0\n@namespace\n/proc/self/ns/pid pid:[4026531836]\nstatus 0\n@cgroup\nstatus 1\n@cmdline\n";
    text += "==> /proc/1/cmdline <==\nsupervisord\n";
    processes.iter().for_each(|(pid, program)| text += &format!("==> /proc/{pid}/cmdline <==\n{program}\n"));
    text + "status 0\n@end\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a real shell runs the function")]
    fn a_logind_that_hangs_is_waited_for_once() {
        let (_, rest) = SCRIPT.split_once("\nsessions() {").expect("the function");
        let (body, _) = rest.split_once("\n}\n").expect("its end");
        // Two processes, in sessions c1 and c2.
        let host = r#"
            grep() { case $1 in -ls) printf '/proc/7/cgroup\n/proc/8/cgroup\n' ;; esac; }
            sed() { case "$*" in *'/session-'*) printf 'c1\nc2\n' ;; *) cat ;; esac; }
            once() { cat; }
            timeout() { echo "asked" >&2; return 124; }
        "#;
        let script = format!("{host}\nsessions() {{{body}\n}}\nsessions");
        let output = std::process::Command::new("/bin/sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "asked\n", "{output:?}");
    }
}
