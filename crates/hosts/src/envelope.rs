//! The envelope of a command on its way to a host and of its answer on the way back.
//!
//! The host marks where the answer begins and where it ends, with the exit status. So nothing that a host's start-up files
//! print is taken for a part of the answer, an answer that was cut off is noticed, and so is a command that never began,
//! because sudo asked for a password for example.

use std::time::Duration;

use crate::command::{Command, RunAs, Said};
use crate::shell;

/// What commands find in their environment, whoever signs in and whatever start-up files have set: the usual places of
/// programs, a language in which output can be read, and the home of whoever signs in.
pub(crate) const ENVIRONMENT: &str =
    "exec /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8";
const HOME: &str = " HOME=\"$HOME\"";

/// `$1` is the limit in seconds, `$2` the folder (empty for the user's home), the others are the command. One that had to be
/// killed when its time was over has timed out, and one that somebody else killed has not.
pub(crate) const SCRIPT: &str = "\
limit=$1 folder=$2; shift 2
[ \"${HOME-}\" ] || { HOME=$(getent passwd \"$(id -u)\" | cut -d: -f6); export HOME; }
printf '\\n@cutover-begin\\n'; printf '\\n@cutover-begin\\n' >&2
[ -z \"$folder\" ] || cd \"$folder\" || { printf '\\n@cutover-end 126\\n'; exit; }
read -r begun _ </proc/uptime
timeout -k 5 \"$limit\" \"$@\"
status=$?
read -r now _ </proc/uptime
[ \"$status\" != 137 ] || [ $((${now%.*} - ${begun%.*})) -lt \"$limit\" ] || status=124
printf '\\n@cutover-end %s\\n' \"$status\"
";

const BEGIN: &[u8] = b"@cutover-begin\n";
const END: &[u8] = b"\n@cutover-end ";

/// The line that makes the login shell of `login` on a host run a command.
#[must_use]
pub fn line(command: &Command, limit: Duration, login: &str) -> String {
    let (home, as_user) = match &command.run_as {
        // Where operators sign in as root there is often no sudo. The script finds the user's home.
        RunAs::User(user) if user != login && login == "root" => ("", vec!["runuser", "-u", user, "--"]),
        RunAs::User(user) if user != login => ("", vec!["sudo", "-n", "-H", "-u", user, "--"]),
        _ => (HOME, Vec::new()),
    };
    let seconds = limit.as_secs().max(1).to_string();
    let folder = command.directory.as_deref().unwrap_or_default();
    let shell = ["/bin/sh", "-c", SCRIPT, "cutover", &seconds, folder];
    let arguments = command.arguments.iter().map(String::as_str);
    let words: Vec<&str> = as_user.into_iter().chain(shell).chain(arguments).collect();
    format!("{ENVIRONMENT}{home} {}", shell::line(&words))
}

/// What a host sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The command ended.
    Ended(Output),
    /// The command did not begin: this was printed instead.
    NotBegun(String),
    /// The command began, and its answer is not complete.
    CutOff,
}

/// The complete output of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit status.
    pub exit: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// The output as text.
    #[must_use]
    pub fn said(&self) -> Said {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Said { exit: self.exit, stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }
}

/// Takes the answer out of its envelope.
#[must_use]
pub fn open(stdout: &[u8], stderr: &[u8]) -> Answered {
    let Some(inside) = after_begin(stdout) else {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let said = Said { exit: 0, stdout: text(stdout), stderr: text(stderr) };
        return Answered::NotBegun(said.last_line().to_owned());
    };
    let end = inside.windows(END.len()).rposition(|window| window == END);
    let exit =
        end.and_then(|end| std::str::from_utf8(&inside[end + END.len()..]).ok()?.strip_suffix('\n')?.parse().ok());
    match (end, exit) {
        (Some(end), Some(exit)) => Answered::Ended(Output {
            exit,
            stdout: inside[..end].to_vec(),
            // Of much of it, only the end is kept, and not the mark.
            stderr: after_begin(stderr).unwrap_or(stderr).to_vec(),
        }),
        _ => Answered::CutOff,
    }
}

/// Whether what has been printed so far is a complete answer, unless more follows. It looks at the last line only.
#[must_use]
pub fn is_complete(stdout: &[u8]) -> bool {
    const LONGEST: usize = END.len() + "-2147483648\n".len();
    let last = &stdout[stdout.len().saturating_sub(LONGEST)..];
    let at = last.windows(END.len()).rposition(|window| window == END);
    at.is_some_and(|at| last.ends_with(b"\n") && last[at + END.len()..].len() > 1)
}

/// What follows the mark, which is a line of its own.
fn after_begin(text: &[u8]) -> Option<&[u8]> {
    let at_start = |at: usize| at == 0 || text[at - 1] == b'\n';
    let at = text.windows(BEGIN.len()).enumerate().find(|(at, window)| *window == BEGIN && at_start(*at))?.0;
    Some(&text[at + BEGIN.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs a line as a host does: by a shell.
    #[expect(clippy::disallowed_methods, reason = "a real shell is what reads the line")]
    fn run(line: &str) -> Answered {
        let output = std::process::Command::new("/bin/sh").args(["-c", line]).output().expect("a shell");
        open(&output.stdout, &output.stderr)
    }

    fn ended(command: &Command) -> Output {
        match run(&line(command, Duration::from_secs(10), "")) {
            Answered::Ended(output) => output,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn output_and_exit_status_arrive_as_they_are() {
        let output = ended(&Command::script("printf 'no end of line'; echo oops >&2; exit 3", Vec::<String>::new()));
        assert_eq!(output, Output { exit: 3, stdout: b"no end of line".to_vec(), stderr: b"oops\n".to_vec() });
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended_and_a_missing_one_is_told() {
        let slow = Command::new(["sleep", "60"]);
        let Answered::Ended(output) = run(&line(&slow, Duration::from_secs(1), "")) else { panic!("it did not end") };
        assert_eq!(output.exit, crate::command::EXIT_TIMED_OUT);
        assert_eq!(ended(&Command::new(["/nonexistent/supervisorctl", "status"])).exit, 127);
        let nowhere = Command { directory: Some("/nonexistent".to_owned()), ..Command::new(["true"]) };
        assert_eq!(ended(&nowhere).exit, 126);
    }

    #[test]
    fn a_command_that_has_to_be_killed_when_its_time_is_over_has_timed_out_and_a_killed_one_has_not() {
        let stubborn = Command::script("trap '' TERM; while :; do sleep 0.1; done", Vec::<String>::new());
        let line = line(&stubborn, Duration::from_secs(1), "").replace("-k 5", "-k 0.2");
        let Answered::Ended(output) = run(&line) else { panic!("it did not end") };
        assert_eq!(output.exit, crate::command::EXIT_TIMED_OUT);
        assert_eq!(ended(&Command::script("kill -9 $$", Vec::<String>::new())).exit, 137);
    }

    #[test]
    fn what_start_up_files_print_is_no_part_of_the_answer() {
        let text = format!(
            "printf '@cutover-job none\nwelcome'; printf hint >&2; {}",
            line(&Command::new(["echo", "x"]), Duration::from_secs(9), "")
        );
        let Answered::Ended(output) = run(&text) else { panic!("it did not end") };
        assert_eq!((output.stdout, output.stderr), (b"x\n".to_vec(), Vec::new()));
    }

    #[test]
    fn a_command_may_print_the_marks_itself() {
        let printed = "a\n@cutover-begin\nb\n@cutover-end 0\nc";
        let output = ended(&Command::script("printf '%s' \"$1\"; exit 3", [printed.to_owned()]));
        assert_eq!((output.exit, output.stdout), (3, printed.as_bytes().to_vec()));
    }

    #[test]
    fn a_mark_in_the_middle_of_a_line_is_something_that_start_up_files_print() {
        let text = b"it begins with @cutover-begin\nwelcome\n\n@cutover-begin\nx\n@cutover-end 0\n";
        let output = Output { exit: 0, stdout: b"x".to_vec(), stderr: Vec::new() };
        assert_eq!(open(text, b""), Answered::Ended(output));
    }

    #[test]
    fn a_command_that_never_began_is_told_with_what_was_printed() {
        let answer = open(b"welcome\n", b"sudo: a password is required\n");
        assert_eq!(answer, Answered::NotBegun("sudo: a password is required".to_owned()));
        assert_eq!(open(b"nologin\n", b""), Answered::NotBegun("nologin".to_owned()));
    }

    #[test]
    fn another_user_takes_sudo_that_never_asks() {
        let root = Command::as_root(["id"]);
        let by = |command, login| {
            let line = line(command, Duration::from_secs(5), login);
            line.strip_prefix(ENVIRONMENT)
                .and_then(|line| line.split_once(" /bin/sh -c "))
                .expect("a shell")
                .0
                .to_owned()
        };
        assert_eq!(by(&root, "ubuntu"), " sudo -n -H -u root --");
        assert_eq!(by(&root, "root"), HOME);
        let other = Command { run_as: RunAs::User("www-data".to_owned()), ..Command::new(["id"]) };
        assert_eq!(by(&other, "root"), " runuser -u www-data --");
    }

    proptest! {
        #[test]
        fn an_answer_that_was_cut_off_is_never_whole(body in prop::collection::vec(any::<u8>(), 0..40), exit in 0..256_i32) {
            let whole = [BEGIN, &body, END, exit.to_string().as_bytes(), b"\n"].concat();
            let expected = Output { exit, stdout: body, stderr: Vec::new() };
            prop_assert_eq!(open(&whole, b""), Answered::Ended(expected));
            prop_assert!(is_complete(&whole));
            for end in 0..whole.len() {
                prop_assert!(!matches!(open(&whole[..end], b""), Answered::Ended(_)), "{}", end);
                prop_assert!(!is_complete(&whole[..end]), "{}", end);
            }
        }
    }
}
