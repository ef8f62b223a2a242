//! What would be in the way of a conductor on a host, found by one question long before the window.

use std::collections::BTreeMap;

use jiff::Timestamp;

use cutover_core::names::ProgramName;
use cutover_core::readiness::{Readiness, Supervisor};

use crate::command::{Ask, Command, Said};

mod needs;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod tests;

pub use needs::{Needed, Needs};

/// An answer that is not complete, or is something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host's answer was not understood: `{0}`")]
pub struct NotUnderstood(String);

const SCRIPT: &str = include_str!("readiness.sh");
const FILES: &str = concat!(include_str!("../supervisor/files.sh"), include_str!("files.sh"));

/// The question whether a host has what is needed. The user of the connection asks it, so that sudo is tried.
#[must_use]
pub fn ask(needs: &Needs) -> Ask {
    let head = [FILES.to_owned(), needs.supervisorctl.clone(), needs.users.join(" ")];
    Ask::new(Command::script(SCRIPT, head.into_iter().chain(needs::words(needs))))
}

/// The supervisorctl that is asked about, if this is the question.
#[must_use]
pub fn asked(question: &Ask) -> Option<&str> {
    match question.command.arguments.as_slice() {
        [_, _, script, _, _, supervisorctl, ..] if script == SCRIPT => Some(supervisorctl),
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
    let job_folder = value("job-folder").ok_or_else(not_understood)?;
    let epoch = match value("epoch").ok_or_else(not_understood)? {
        "none" => None,
        // The helper of jobs refuses to work with a damaged one, so it counts as higher than all.
        epoch => Some(epoch.parse().unwrap_or(u64::MAX)),
    };
    let supervisor = match (value("supervisor"), value("supervisor-missing")) {
        (Some(version), _) if version.starts_with(|letter: char| letter.is_ascii_digit()) => {
            Supervisor::Version(version.to_owned())
        }
        (Some(words), _) => Supervisor::Silent(words.to_owned()),
        (None, Some(path)) => Supervisor::Missing(path.to_owned()),
        (None, None) => return Err(not_understood()),
    };
    // Several paths can be on one file system.
    let free: Option<BTreeMap<String, u64>> = all("free")
        .map(|value| value.split_once(' ').and_then(|(free, mount)| Some((mount.to_owned(), free.parse().ok()?))))
        .collect();
    Ok(Readiness {
        clock: Timestamp::from_second(seconds).map_err(|_| not_understood())?,
        no_sudo: (sudo != "yes").then(|| sudo.to_owned()),
        refused: all("refused").map(str::to_owned).collect(),
        missing: all("missing").map(str::to_owned).collect(),
        absent: all("absent").map(str::to_owned).collect(),
        epoch,
        no_namespaces: value("no-namespaces").map(str::to_owned),
        no_job_folder: (job_folder != "yes").then(|| job_folder.to_owned()),
        supervisor,
        read_only: all("read-only").map(str::to_owned).collect(),
        in_no_file: all("in-no-file").map(ProgramName::from).collect(),
        free: free
            .filter(|free| !free.is_empty())
            .ok_or_else(not_understood)?
            .into_iter()
            .map(|(mount, free)| (free, mount))
            .collect(),
        agents: all("agent").map(str::to_owned).collect(),
    })
}
