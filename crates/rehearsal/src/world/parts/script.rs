//! The few shell scripts that every host of this world can run: `echo`, `cat` of the standard input, `sleep`
//! and `exit`, one after the other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use cutover_hosts::command::{Command, Said};

/// A script that a shell runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Script {
    /// What it does until it ends, in order.
    statements: Vec<Statement>,
    pub(crate) exit: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Statement {
    Prints { line: String, to_stderr: bool },
    Sleeps { seconds: u64 },
}

impl Script {
    /// A script that ends well after that time, and prints nothing.
    pub(crate) fn that_takes(length: Duration) -> Self {
        Self { statements: vec![Statement::Sleeps { seconds: length.as_secs() }], exit: 0 }
    }

    /// A sequence of parts with these titles, which share that time.
    pub(crate) fn of_parts(titles: &[String], length: Duration) -> Self {
        let seconds = length.as_secs() / titles.len().max(1) as u64;
        let part = |title: &String| {
            let line = format!("\n@cutover-part {title}\n");
            [Statement::Prints { line, to_stderr: false }, Statement::Sleeps { seconds }]
        };
        Self { statements: titles.iter().flat_map(part).collect(), exit: 0 }
    }

    /// The script that a command runs; `None` if it is another command or this world does not know a statement of it.
    pub(crate) fn of(command: &Command, input: &[u8]) -> Option<Self> {
        let [shell, option, script, ..] = command.arguments.as_slice() else { return None };
        if (shell.as_str(), option.as_str()) != ("/bin/sh", "-c") {
            return None;
        }
        let (mut statements, mut exit, mut input) = (Vec::new(), 0, String::from_utf8_lossy(input).into_owned());
        for statement in script.split([';', '\n']).map(str::trim).filter(|statement| !statement.is_empty()) {
            match statement.split_once(' ') {
                Some(("echo", words)) => {
                    let line = words.strip_suffix(">&2");
                    let (to_stderr, line) = (line.is_some(), line.unwrap_or(words).trim());
                    statements.push(Statement::Prints { line: format!("{line}\n"), to_stderr });
                }
                Some(("sleep", seconds)) => statements.push(Statement::Sleeps { seconds: seconds.parse().ok()? }),
                Some(("exit", status)) => {
                    exit = status.parse().ok()?;
                    break;
                }
                None if statement == "cat" => {
                    statements.push(Statement::Prints { line: std::mem::take(&mut input), to_stderr: false });
                }
                _ => return None,
            }
        }
        Some(Self { statements, exit })
    }

    /// How long it takes.
    pub(crate) fn length(&self) -> Duration {
        let seconds = self.statements.iter().map(|statement| match statement {
            Statement::Prints { .. } => 0,
            Statement::Sleeps { seconds } => *seconds,
        });
        Duration::from_secs(seconds.sum())
    }

    /// What it has printed this long after its start, to wherever.
    pub(crate) fn output(&self, after: Duration) -> String {
        let (mut passed, mut output) = (Duration::ZERO, String::new());
        for statement in &self.statements {
            match statement {
                Statement::Prints { line, .. } if passed <= after => output.push_str(line),
                Statement::Prints { .. } => {}
                Statement::Sleeps { seconds } => passed += Duration::from_secs(*seconds),
            }
        }
        output
    }

    /// What it says if one waits for it.
    pub(crate) fn said(&self) -> Said {
        let mut said = Said { exit: self.exit, ..Said::default() };
        for statement in &self.statements {
            match statement {
                Statement::Prints { line, to_stderr: true } => said.stderr.push_str(line),
                Statement::Prints { line, to_stderr: false } => said.stdout.push_str(line),
                Statement::Sleeps { .. } => {}
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_prints_as_time_passes() {
        let command = Command::script("echo one; sleep 2; echo two >&2; exit 3; echo never", Vec::<String>::new());
        let script = Script::of(&command, b"").expect("this world knows it");
        assert_eq!(script.output(Duration::from_secs(1)), "one\n");
        assert_eq!(script.output(script.length()), "one\ntwo\n");
        assert_eq!(script.said(), Said { exit: 3, stdout: "one\n".to_owned(), stderr: "two\n".to_owned() });
    }

    #[test]
    fn what_this_world_does_not_know_is_no_script() {
        assert_eq!(Script::of(&Command::script("rm -rf /", Vec::<String>::new()), b""), None);
        assert_eq!(Script::of(&Command::new(["echo", "one"]), b""), None);
    }
}
