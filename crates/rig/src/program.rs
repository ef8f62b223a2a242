//! How the rig starts other programs.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What a program printed, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The exit status; -1 if it was killed.
    pub exit: i32,
    /// Standard output without the blanks around it.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Self { exit: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Runs a command with `input` on its standard input.
///
/// # Panics
/// When it cannot be started. `advice` says how to install it.
pub(crate) fn run(command: &mut Command, input: &str, advice: &str) -> Ran {
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = started.unwrap_or_else(|error| panic!("{command:?} cannot be started ({error}); {advice}"));
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input closes it.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
}

/// Runs a command that must succeed, and returns what it printed.
///
/// # Panics
/// When it fails.
pub(crate) fn succeed(program: &str, arguments: &[&str], advice: &str) -> String {
    let ran = run(Command::new(program).args(arguments), "", advice);
    assert_eq!(ran.exit, 0, "{program} {arguments:?}: {}", ran.stderr);
    ran.stdout
}

/// Asks every 20 ms until there is an answer, for at most `limit`.
pub(crate) fn until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    loop {
        match ask() {
            None if begin.elapsed() < limit => std::thread::sleep(Duration::from_millis(20)),
            answer => return answer,
        }
    }
}
