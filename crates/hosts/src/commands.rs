//! Several commands of the deployment file as one job: each is run, whatever became of those before it. The output has a mark
//! where each begins, and one where it has failed. The marks name the program and not its arguments, because failures are
//! shown and recorded.

use crate::command::{Command, RunAs};
use crate::shell;

const BEGIN: &str = "@cutover-run ";
const FAILED: &str = "@cutover-failed ";

const HEAD: &str = "\
failed=
run() {
    echo \"@cutover-run $1\"
    \"$@\" </dev/null && return
    printf '\\n@cutover-failed %s %s\\n' \"$?\" \"$1\"
    failed=yes
}
";

const TAIL: &str = "\
[ -z \"$failed\" ] || exit 1
";

/// The command that runs all of these as root.
#[must_use]
pub fn command(commands: &[Vec<String>]) -> Command {
    let lines: String = commands.iter().map(|command| format!("run {}\n", shell::line(command))).collect();
    Command { run_as: RunAs::root(), ..Command::script(&format!("{HEAD}{lines}{TAIL}"), Vec::<String>::new()) }
}

/// Whether a command runs commands of the deployment file, for a simulation.
#[must_use]
pub fn is_one(command: &Command) -> bool {
    matches!(command.arguments.as_slice(), [_, _, script, ..] if script.starts_with(HEAD))
}

/// The commands that have failed according to their output, each with its exit status and the last line that it printed.
#[must_use]
pub fn failures(output: &str) -> Vec<String> {
    let (mut failures, mut last) = (Vec::new(), None);
    for line in output.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with(BEGIN) {
            last = None;
        } else if let Some((exit, program)) = line.strip_prefix(FAILED).and_then(|rest| rest.split_once(' ')) {
            let said = last.take().unwrap_or("it printed nothing");
            failures.push(format!("{program} ended with exit status {exit}: {said}"));
        } else {
            last = Some(line);
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a real shell runs the commands")]
    fn each_is_run_and_those_that_fail_are_named_with_what_they_printed_last() {
        let run = |commands: &[&[&str]]| {
            let commands: Vec<Vec<String>> =
                commands.iter().map(|words| words.iter().map(|word| (*word).to_owned()).collect()).collect();
            let command = command(&commands);
            assert!(is_one(&command));
            // A job's output is both streams together.
            let mut shell = std::process::Command::new("/bin/sh");
            shell.args(["-c", "exec \"$@\" 2>&1", "both"]).args(&command.arguments);
            let output = shell.output().expect("a shell");
            (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
        };
        assert_eq!(
            run(&[&["echo", "it's  $HOME"], &["true"]]),
            (Some(0), "@cutover-run echo\nit's  $HOME\n@cutover-run true\n".to_owned())
        );
        let fails: &[&str] = &["sh", "-c", "echo one; echo two words; exit 3", "secret"];
        let (status, printed) = run(&[fails, &["echo", "still run"], &["false"], &["/nonexistent/salt-call", "x"]]);
        assert_eq!((status, printed.contains("\nstill run\n"), printed.contains("secret")), (Some(1), true, false));
        let failures = failures(&printed);
        assert_eq!(failures[0], "sh ended with exit status 3: two words");
        assert_eq!(failures[1], "false ended with exit status 1: it printed nothing");
        assert!(failures[2].starts_with("/nonexistent/salt-call ended with exit status 127: "), "{failures:?}");
    }
}
