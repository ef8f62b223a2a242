//! How the tests reach a host of the rig.

use std::time::Duration;

use cutover_rig::{Host, Plain};
use cutover_ssh::{Settings, SshHosts};

/// The address of every host here.
pub(crate) const HOST: &str = "127.0.0.1";

/// The settings of an operator who has this key, with these lines in the configuration of OpenSSH.
pub(crate) fn settings(sshd: &Plain, key: &str, lines: &str) -> Settings {
    Settings { config: Some(sshd.config(key, lines)), connect_timeout: Duration::from_secs(3), ..Settings::default() }
}

/// The hosts as that operator reaches them.
pub(crate) fn hosts(sshd: &Plain, key: &str) -> SshHosts {
    SshHosts::new(settings(sshd, key, "")).expect("a folder for sockets")
}
