//! The command line of `ssh`. Options here win over the operator's configuration, so only those are set that a conductor
//! depends on.

use std::ffi::OsString;
use std::path::Path;

use crate::settings::Settings;

/// The options that hold for every call of `ssh`.
fn common(settings: &Settings) -> Vec<OsString> {
    let (every, times) = Settings::ALIVE;
    let options = [
        // Nobody is there to answer a question about a password or an unknown host.
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        format!("ConnectTimeout={}", settings.connect_timeout.as_secs().max(1)),
        "ConnectionAttempts=1".to_owned(),
        format!("ServerAliveInterval={every}"),
        format!("ServerAliveCountMax={times}"),
        "ForwardAgent=no".to_owned(),
        "ForwardX11=no".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        "PermitLocalCommand=no".to_owned(),
        "RemoteCommand=none".to_owned(),
        "RequestTTY=no".to_owned(),
        "LogLevel=INFO".to_owned(),
    ];
    let mut words: Vec<OsString> = Vec::new();
    for option in options {
        words.extend(["-o".into(), option.into()]);
    }
    if let Some(config) = &settings.config {
        words.extend(["-F".into(), config.into()]);
    }
    if let Some(user) = &settings.user {
        words.extend(["-l".into(), user.into()]);
    }
    words
}

/// The call that tells what the operator's configuration says about a host.
pub(crate) fn effective(settings: &Settings, address: &str) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["-G".into()];
    words.extend(common(settings));
    words.extend(["--".into(), address.into()]);
    words
}

/// The call that launches the master connection. It ends once the operator is signed in, and leaves the master in the
/// background. `global` are the files of known hosts that the whole machine has.
pub(crate) fn master(settings: &Settings, address: &str, socket: &Path, log: &Path, global: &str) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["-f", "-N", "-M", "-T", "-S"].map(OsString::from).to_vec();
    words.extend([socket.into(), "-E".into(), log.into()]);
    words.extend(["-o".into(), format!("ControlPersist={}", Settings::PERSIST.as_secs()).into()]);
    words.extend(common(settings));
    if let Some(file) = &settings.known_hosts {
        words.extend(["-o".into(), format!("GlobalKnownHostsFile=\"{}\" {global}", file.display()).into()]);
    }
    words.extend(["--".into(), address.into()]);
    words
}

/// The call that does something with a master connection: `check` or `exit`.
pub(crate) fn control(socket: &Path, what: &str) -> Vec<OsString> {
    // The address is required and not used, and no configuration is needed to reach the socket.
    ["-F", "none", "-O", what, "-S"].map(OsString::from).into_iter().chain([socket.into(), "none".into()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_keys_are_always_checked_and_nobody_is_asked() {
        let settings = Settings { user: Some("ubuntu".to_owned()), ..Settings::default() };
        let words = master(&settings, "10.0.0.1", Path::new("/run/s"), Path::new("/run/l"), "/etc/ssh/ssh_known_hosts");
        let words: Vec<&str> = words.iter().map(|word| word.to_str().expect("text")).collect();
        for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=5"] {
            assert!(words.windows(2).any(|pair| pair == ["-o", option]), "{option}: {words:?}");
        }
        assert_eq!(words[words.len() - 2..], ["--", "10.0.0.1"]);
        assert!(!words.iter().any(|word| word.contains("KnownHostsFile")), "the operator's own files count");
    }
}
