//! The command line of `ssh`. Options here win over the operator's configuration, so only those are set that a conductor
//! depends on.

use std::ffi::OsString;
use std::path::Path;

use crate::host_keys::ALIAS;
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

/// Which keys a host may have.
pub(crate) enum KnownBy<'a> {
    /// Those in the operator's files, and in the files of the whole machine, which are `global`.
    Files { global: &'a str },
    /// Those in this file alone, under `ALIAS`.
    Told(&'a Path),
}

impl KnownBy<'_> {
    fn options(&self, settings: &Settings) -> Vec<String> {
        match (self, &settings.known_hosts) {
            (Self::Files { .. }, None) => Vec::new(),
            (Self::Files { global }, Some(file)) => {
                vec![format!("GlobalKnownHostsFile=\"{}\" {global}", file.display())]
            }
            (Self::Told(file), _) => vec![
                format!("HostKeyAlias={ALIAS}"),
                format!("UserKnownHostsFile=\"{}\"", file.display()),
                "GlobalKnownHostsFile=none".to_owned(),
                "KnownHostsCommand=none".to_owned(),
            ],
        }
    }
}

/// The call that launches the master connection. It ends once the operator is signed in, and leaves the master in the
/// background.
pub(crate) fn master(
    settings: &Settings,
    address: &str,
    socket: &Path,
    log: &Path,
    known: &KnownBy<'_>,
) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["-f", "-N", "-M", "-T", "-S"].map(OsString::from).to_vec();
    words.extend([socket.into(), "-E".into(), log.into()]);
    words.extend(["-o".into(), format!("ControlPersist={}", Settings::PERSIST.as_secs()).into()]);
    words.extend(common(settings));
    words.extend(known.options(settings).into_iter().flat_map(|option| ["-o".into(), option.into()]));
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
        let words = words(&settings, &KnownBy::Files { global: "/etc/ssh/ssh_known_hosts" });
        for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=5"] {
            assert!(has(&words, option), "{option}: {words:?}");
        }
        assert_eq!(words[words.len() - 2..], ["--", "10.0.0.1"]);
        assert!(!words.iter().any(|word| word.contains("KnownHostsFile")), "the operator's own files count");
    }

    #[test]
    fn a_host_whose_keys_are_told_is_known_by_those_alone() {
        let settings = Settings { known_hosts: Some("/ca".into()), ..Settings::default() };
        let words = words(&settings, &KnownBy::Told(Path::new("/run/keys")));
        for option in ["HostKeyAlias=instance", "UserKnownHostsFile=\"/run/keys\"", "GlobalKnownHostsFile=none"] {
            assert!(has(&words, option), "{option}: {words:?}");
        }
        assert!(!words.iter().any(|word| word.contains("/ca")), "{words:?}");
    }

    fn words(settings: &Settings, known: &KnownBy<'_>) -> Vec<String> {
        let words = master(settings, "10.0.0.1", Path::new("/run/s"), Path::new("/run/l"), known);
        words.into_iter().map(|word| word.into_string().expect("text")).collect()
    }

    fn has(words: &[String], option: &str) -> bool {
        words.windows(2).any(|pair| pair == ["-o", option])
    }
}
