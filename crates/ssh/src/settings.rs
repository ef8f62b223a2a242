//! What the deployment file says about connections to hosts.

use std::path::PathBuf;
use std::time::Duration;

/// How hosts are reached. What is not set here is as the operator's configuration of OpenSSH says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The `ssh` program.
    pub program: PathBuf,
    /// The user to sign in as; without it, the one of the operator's configuration.
    pub user: Option<String>,
    /// A configuration file instead of the operator's own.
    pub config: Option<PathBuf>,
    /// A further file of known host keys, such as `@cert-authority` lines for a host CA. It is read beside the operator's
    /// own files, and never written.
    pub known_hosts: Option<PathBuf>,
    /// How long the connection and the sign-in may take each.
    pub connect_timeout: Duration,
}

impl Settings {
    /// How often a silent host is asked whether it is still there, and after how many unanswered questions it counts as
    /// gone: it is noticed within 15 seconds.
    pub(crate) const ALIVE: (Duration, u32) = (Duration::from_secs(5), 2);
    /// For how long an unused connection stays open, so that a conductor that has died leaves nothing behind.
    pub(crate) const PERSIST: Duration = Duration::from_secs(120);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            program: PathBuf::from("ssh"),
            user: None,
            config: None,
            known_hosts: None,
            connect_timeout: Duration::from_secs(10),
        }
    }
}
