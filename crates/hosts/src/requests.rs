//! Requests of visitors, as a command of the deployment file counts them: the last line that it prints is their number.

use std::time::Duration;

use crate::command::{Ask, Command, Said};
use crate::failed::CommandFailed;

/// How long a count may take: the maintenance page is up.
const LIMIT: Duration = Duration::from_secs(10);

/// The question, with a command of the deployment file.
#[must_use]
pub fn ask(command: &[String]) -> Ask {
    Ask { command: Command::as_root(command.iter().cloned()), limit: LIMIT }
}

/// Why the number of requests is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// The command failed.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// It printed something else.
    #[error("its last line is no number of requests: `{0}`")]
    NotANumber(String),
}

/// The number of requests.
///
/// # Errors
/// When the command failed, or its last line is no number.
pub fn count(said: &Said) -> Result<u64, NotCounted> {
    CommandFailed::check(said)?;
    let line = said.last_answer();
    line.parse().map_err(|_| NotCounted::NotANumber(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as nginx has written them, of now and of two minutes ago; the script is told neither.
    const LOG: &str = r#"
now=$(date '+%d/%b/%Y:%H:%M:%S %z') before=$(date -d '2 minutes ago' '+%d/%b/%Y:%H:%M:%S %z')
line() { printf '127.0.0.1 - - [%s] "%s" 200 2 "-" "%s"\n' "$@"; }
line "$before" 'GET /courses HTTP/1.1' 'Mozilla/5.0'
line "$now" 'GET /courses HTTP/1.1' 'Mozilla/5.0'
line "$now" 'GET /a?q=%22 HTTP/1.1' 'say \x22hi\x22 [10/Oct/2000:13:55:36 -0700]'
line "$now" 'GET /heartbeats HTTP/1.1' 'curl/7.88.1'
line "$now" 'GET / HTTP/1.1' 'ELB-HealthChecker/2.0'
line "$now" 'GET /heartbeat HTTP/1.1' 'Mozilla/5.0'
line "$now" '\x16\x03garbage' '-'
"#;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a script is run, as on a host")]
    fn the_example_counts_what_visitors_have_requested_in_the_last_minute() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/count-requests.py");
        let shell = format!("export LC_ALL=C; log=$(mktemp)\n({LOG}) > $log\npython3 {script} $log; rm $log");
        let output = std::process::Command::new("/bin/sh").args(["-c", &shell]).output().expect("a shell");
        let printed = Said {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert_eq!(count(&printed), Ok(3), "{printed:?}");
    }

    #[test]
    fn the_last_line_is_the_number_and_nothing_else_is() {
        let said = |exit, stdout: &str| Said { exit, stdout: stdout.to_owned(), ..Said::default() };
        assert_eq!(count(&said(0, "a warning\n 3 \n\n")), Ok(3));
        for text in ["", "3 requests\n", "-1\n", "3.5\n"] {
            assert!(matches!(count(&said(0, text)), Err(NotCounted::NotANumber(_))), "{text}");
        }
        assert!(matches!(count(&said(1, "3\n")), Err(NotCounted::Failed(CommandFailed { exit: 1, .. }))));
    }
}
