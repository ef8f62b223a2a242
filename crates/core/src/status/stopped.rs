//! Current hosts whose services are stopped although visitors still get the site from them.

use crate::names::HostName;
use crate::plan::StopServices;
use serde::Serialize;

/// A current host whose services a window has stopped although visitors are not sent to the maintenance page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoppedServices {
    /// The host.
    pub host: HostName,
    /// The commands that start them again, to type on that host.
    pub start_commands: Vec<String>,
}

/// What a stop for good has changed in supervisor's files is put back (`cutover_hosts::supervisor::autostart`). Files are found
/// through links too, and where teams keep the ones that theirs include.
const PUT_BACK: &str = "grep -RIlsZ '^; held by cutover$' /etc /edx/app/supervisor /opt /srv /usr/local/etc | xargs -0 -r sed -i --follow-symlinks -e '/^; held by cutover$/,+1d' -e 's/^;held by cutover: //'";

impl StoppedServices {
    /// What to do about the services that this has stopped.
    #[must_use]
    pub fn of(stop: &StopServices) -> Self {
        let programs: Vec<String> = stop.programs.iter().map(ToString::to_string).collect();
        let start = format!("{} start {}", stop.supervisorctl, programs.join(" "));
        let put_back = || [PUT_BACK.to_owned(), format!("{} reread", stop.supervisorctl)];
        let start_commands = stop.for_good.then(put_back).into_iter().flatten().chain([start]).collect();
        Self { host: stop.host.name.clone(), start_commands }
    }
}
