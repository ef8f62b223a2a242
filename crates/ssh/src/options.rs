//! The options of `ssh` that a conductor depends on. They win over the operator's configuration, so there are no others.

use std::path::Path;
use std::time::Duration;

use crate::settings::Settings;

/// The options that hold for every connection, whatever the deployment file says.
pub(crate) const OPTIONS: [&str; 11] = [
    // Nobody is there to answer a question about a password or an unknown host.
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ConnectionAttempts=1",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "LogLevel=INFO",
];

/// How soon a host that does not answer is given up.
pub(crate) fn timing(connect_timeout: Duration) -> [String; 3] {
    let (every, times) = Settings::ALIVE;
    [
        format!("ConnectTimeout={}", connect_timeout.as_secs().max(1)),
        format!("ServerAliveInterval={}", every.as_secs()),
        format!("ServerAliveCountMax={times}"),
    ]
}

/// The option that adds a file of known hosts to those of the whole machine.
pub(crate) fn known_hosts(file: &Path, global: &str) -> String {
    format!("GlobalKnownHostsFile=\"{}\" {global}", file.display())
}
