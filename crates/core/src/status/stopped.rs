//! Hosts whose services were stopped, and how they are started again by hand.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::journal::Upgrade;
use crate::names::HostName;
use crate::plan::StopServices;
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
        let start = format!("{} start {}", stop.supervisorctl, programs.join(" "));
        let put_back = || {
            let files = upgrade.held_files.get(&stop.host.name);
            [put_back_command(files), format!("{} reread", stop.supervisorctl)]
        };
        let start_commands = stop.for_good.then(put_back).into_iter().flatten().chain([start]).collect();
        Self { host: stop.host.name.clone(), start_commands }
    }
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
