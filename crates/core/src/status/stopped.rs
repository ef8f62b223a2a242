//! Current hosts whose services are stopped although visitors still get the site from them.

use crate::names::HostName;
use crate::plan::StopServices;
use serde::Serialize;

/// A current host whose services a window has stopped although visitors are not sent to the maintenance page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoppedServices {
    /// The host.
    pub host: HostName,
    /// The command that starts them again, to type on that host.
    pub start_command: String,
}

impl StoppedServices {
    /// What to do about the services that this has stopped.
    #[must_use]
    pub fn of(stop: &StopServices) -> Self {
        let programs: Vec<String> = stop.programs.iter().map(ToString::to_string).collect();
        let start_command = format!("{} start {}", stop.supervisorctl, programs.join(" "));
        Self { host: stop.host.name.clone(), start_command }
    }
}
