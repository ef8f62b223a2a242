//! Hosts whose services were stopped, and how they are started again by hand.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::journal::{Run, Upgrade};
use crate::names::HostName;
use crate::plan::{Action, Step, StopServices};
use crate::shell;

/// A host whose services a window has stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoppedServices {
    /// The host.
    pub host: HostName,
    /// The commands that start them again, to type on that host.
    pub start_commands: Vec<String>,
}

/// Finds the files in which `autostart` was turned off, for records of earlier versions, which do not name them. Files are found
/// through links too, and where teams keep the ones that theirs include.
const FIND: &str = "grep -RIlsZ '^; held by cutover$' /etc /edx/app/supervisor /opt /srv /usr/local/etc | xargs -0 -r ";

/// Puts such files back as they were.
const PUT_BACK: &str = "sed -i -e '/^; held by cutover$/,+1d' -e 's/^;held by cutover: //'";

impl StoppedServices {
    /// What to do about the services that this has stopped.
    #[must_use]
    pub fn of(stop: &StopServices, upgrade: &Upgrade) -> Self {
        let programs: Vec<String> = stop.programs.iter().map(ToString::to_string).collect();
        let programs = programs.join(" ");
        let start = format!("{} start {programs}", stop.supervisorctl);
        // Supervisor refuses to start what has yet to stop.
        let wait = || format!("while {} status {programs} | grep STOPPING; do sleep 1; done", stop.supervisorctl);
        let put_back = || {
            let files = upgrade.held_files.get(&stop.host.name);
            [put_back_command(files), format!("{} reread", stop.supervisorctl)]
        };
        let put_back = stop.for_good.then(put_back).into_iter().flatten();
        let start_commands = put_back.chain((!has_stopped(stop, upgrade)).then(wait)).chain([start]).collect();
        Self { host: stop.host.name.clone(), start_commands }
    }
}

/// Whether a step was seen to have stopped these services.
fn has_stopped(stop: &StopServices, upgrade: &Upgrade) -> bool {
    let is_this = |step: &Step| matches!(&step.action, Action::StopServices(other) if other == stop);
    upgrade.runs.iter().flat_map(Run::runs).any(|(step, run)| is_this(step) && run.status.is_done())
}

/// The command that puts back what a stop for good has changed in these files of supervisor's; in those that it finds itself, if
/// they are not known.
#[must_use]
pub fn put_back_command(files: Option<&BTreeSet<String>>) -> String {
    match files {
        Some(files) => {
            let files: Vec<String> = files.iter().map(|file| pattern(file)).collect();
            format!("{PUT_BACK} {}", files.join(" "))
        }
        None => format!("{FIND}{PUT_BACK} --follow-symlinks"),
    }
}

/// A path as a word of a shell. What was no text in it is unknown, and stands for anything: files in which cutover has changed nothing
/// stay as they are.
fn pattern(path: &str) -> String {
    let quoted = |part: &str| if part.is_empty() { String::new() } else { shell::quote(part) };
    path.split(char::REPLACEMENT_CHARACTER).map(quoted).collect::<Vec<_>>().join("*")
}
