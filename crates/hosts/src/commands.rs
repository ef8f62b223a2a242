//! Several commands of the deployment file as one job: each is run, whatever became of those before it, and the job's last
//! line names those that have failed.

use crate::command::{Command, RunAs};
use crate::shell;

const HEAD: &str = "\
failed=
run() { echo \"+ $*\"; \"$@\" </dev/null || failed=\"$failed; $* (exit status $?)\"; }
";

const TAIL: &str = "\
[ -z \"$failed\" ] || { echo \"failed: ${failed#; }\"; exit 1; }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a real shell runs the commands")]
    fn each_is_run_and_those_that_fail_are_named_last() {
        let run = |commands: &[&[&str]]| {
            let commands: Vec<Vec<String>> =
                commands.iter().map(|words| words.iter().map(|word| (*word).to_owned()).collect()).collect();
            let command = command(&commands);
            assert!(is_one(&command));
            let output = std::process::Command::new(&command.arguments[0]).args(&command.arguments[1..]).output();
            let output = output.expect("a shell");
            (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
        };
        assert_eq!(
            run(&[&["echo", "it's  $HOME"], &["true"]]),
            (Some(0), "+ echo it's  $HOME\nit's  $HOME\n+ true\n".to_owned())
        );
        let (status, printed) = run(&[&["sh", "-c", "exit 3"], &["echo", "still run"], &["false"]]);
        assert_eq!((status, printed.contains("\nstill run\n")), (Some(1), true));
        assert!(printed.ends_with("failed: sh -c exit 3 (exit status 3); false (exit status 1)\n"), "{printed}");
    }
}
