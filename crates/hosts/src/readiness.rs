//! What would be in the way of a conductor on a host, found by one question long before the window.

use jiff::Timestamp;

use cutover_core::readiness::{Readiness, Supervisor};

use crate::command::{Ask, Command, Said};

/// An answer that is not complete, or is something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host's answer was not understood: `{0}`")]
pub struct NotUnderstood(String);

const SCRIPT: &str = include_str!("readiness.sh");

/// The question, for a host with this supervisorctl. The user of the connection asks it, so that sudo is tried.
#[must_use]
pub fn ask(supervisorctl: &str) -> Ask {
    Ask::new(Command::script(SCRIPT, [supervisorctl]))
}

/// The supervisorctl that is asked about, if this is the question.
#[must_use]
pub fn asked(question: &Ask) -> Option<&str> {
    match question.command.arguments.as_slice() {
        [_, _, script, _, supervisorctl] if script == SCRIPT => Some(supervisorctl),
        _ => None,
    }
}

/// Reads the answer.
///
/// # Errors
/// When a part of it is missing: what a host did not say is not taken for good news.
pub fn read(said: &Said) -> Result<Readiness, NotUnderstood> {
    let not_understood = || NotUnderstood(said.last_line().to_owned());
    let lines: Vec<(&str, &str)> =
        said.stdout.lines().map(|line| line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""))).collect();
    let value = |key: &str| lines.iter().find(|(name, _)| *name == key).map(|(_, value)| value.trim());
    let all = |key: &'static str| lines.iter().filter(move |(name, _)| *name == key).map(|(_, value)| value.trim());
    if said.exit != 0 || lines.last() != Some(&("end", "")) {
        return Err(not_understood());
    }
    let seconds = value("clock").and_then(|seconds| seconds.parse().ok()).ok_or_else(not_understood)?;
    let sudo = value("sudo").ok_or_else(not_understood)?;
    let supervisor = match (value("supervisor"), value("supervisor-missing")) {
        (Some(version), _) if version.starts_with(|letter: char| letter.is_ascii_digit()) => {
            Supervisor::Version(version.to_owned())
        }
        (Some(words), _) => Supervisor::Silent(words.to_owned()),
        (None, Some(path)) => Supervisor::Missing(path.to_owned()),
        (None, None) => return Err(not_understood()),
    };
    let free: Option<Vec<(u64, String)>> = all("free")
        .map(|value| value.split_once(' ').and_then(|(free, mount)| Some((free.parse().ok()?, mount.to_owned()))))
        .collect();
    Ok(Readiness {
        clock: Timestamp::from_second(seconds).map_err(|_| not_understood())?,
        no_sudo: (sudo != "yes").then(|| sudo.to_owned()),
        missing: all("missing").map(str::to_owned).collect(),
        supervisor,
        free: free.filter(|free| !free.is_empty()).ok_or_else(not_understood)?,
        agents: all("agent").map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "clock 1795939200\nsudo yes \nsupervisor 4.2.5\nfree 2000000 /\nfree 90 /var\nend\n";

    fn said(stdout: &str) -> Said {
        Said { exit: 0, stdout: stdout.to_owned(), stderr: String::new() }
    }

    #[test]
    fn a_host_that_is_ready_says_so_in_full() {
        let ready = read(&said(READY)).expect("it is complete");
        assert_eq!(ready.no_sudo, None);
        assert_eq!(ready.supervisor, Supervisor::Version("4.2.5".to_owned()));
        assert_eq!(ready.free, [(2_000_000, "/".to_owned()), (90, "/var".to_owned())]);
        assert!(ready.missing.is_empty() && ready.agents.is_empty());
    }

    #[test]
    fn everything_that_is_in_the_way_is_named() {
        let text = "clock 1795939200\nsudo sudo: a password is required \nmissing flock\nsupervisor-missing /edx/bin/supervisorctl\n\
                    free 1 /\nagent ansible-pull in /etc/crontab\nend\n";
        let host = read(&said(text)).expect("it is complete");
        assert_eq!(host.no_sudo.as_deref(), Some("sudo: a password is required"));
        assert_eq!(host.missing, ["flock"]);
        assert_eq!(host.supervisor, Supervisor::Missing("/edx/bin/supervisorctl".to_owned()));
        assert_eq!(host.agents, ["ansible-pull in /etc/crontab"]);
        let silent = READY.replace("supervisor 4.2.5", "supervisor unix:///run/supervisor.sock no such file");
        assert!(matches!(read(&said(&silent)).expect("it is complete").supervisor, Supervisor::Silent(_)));
    }

    #[test]
    fn an_answer_that_lacks_any_part_is_an_error() {
        for line in READY.lines().filter(|line| !line.starts_with("free")) {
            assert!(read(&said(&READY.replace(&format!("{line}\n"), ""))).is_err(), "{line}");
        }
        assert!(read(&said("clock 1\nsudo yes\nsupervisor 4\nend\n")).is_err(), "no file system");
        assert!(read(&Said { exit: 124, ..said(READY) }).is_err());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a real shell runs the script")]
    fn the_script_answers_in_full_on_a_real_system() {
        let command = ask("/nonexistent/supervisorctl").command;
        let output = std::process::Command::new(&command.arguments[0]).args(&command.arguments[1..]).output();
        let output = output.expect("a shell");
        let said = said(&String::from_utf8_lossy(&output.stdout));
        let host = read(&said).unwrap_or_else(|error| panic!("{error}: {}", said.stdout));
        assert_eq!(host.supervisor, Supervisor::Missing("/nonexistent/supervisorctl".to_owned()));
        assert!(!host.free.is_empty());
    }
}
