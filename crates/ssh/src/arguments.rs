//! The command line of `ssh`, for one host.

use std::ffi::OsString;
use std::path::Path;

use crate::host_keys::ALIAS;
use crate::options::{OPTIONS, known_hosts, timing};
use crate::settings::Settings;

/// The operator's configuration and user, and the host.
fn operators(settings: &Settings, address: &str) -> Vec<OsString> {
    let config = settings.config.iter().flat_map(|config| ["-F".into(), config.into()]);
    let user = settings.user.iter().flat_map(|user| ["-l".into(), user.into()]);
    config.chain(user).chain(["--".into(), address.into()]).collect()
}

/// The call that tells what the operator's configuration says about a host.
pub(crate) fn effective(settings: &Settings, address: &str) -> Vec<OsString> {
    ["-G".into()].into_iter().chain(operators(settings, address)).collect()
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
            (Self::Files { global }, Some(file)) => vec![known_hosts(file, global)],
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
/// background. `way` is the command that leads to the host, if there is one.
pub(crate) fn master(
    settings: &Settings,
    address: &str,
    socket: &Path,
    log: &Path,
    known: &KnownBy<'_>,
    way: Option<String>,
) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["-f", "-N", "-M", "-T", "-S"].map(OsString::from).to_vec();
    words.extend([socket.into(), "-E".into(), log.into()]);
    // The command that leads to the host has the same time limit, and reports its own error when it passes.
    let connect_timeout = if way.is_some() { 2 * settings.connect_timeout } else { settings.connect_timeout };
    let persist = format!("ControlPersist={}", Settings::PERSIST.as_secs());
    let options = OPTIONS.iter().map(|option| (*option).to_owned()).chain(timing(connect_timeout)).chain([persist]);
    let options = options.chain(known.options(settings)).chain(way.map(|way| format!("ProxyCommand={way}")));
    words.extend(options.flat_map(|option| ["-o".into(), option.into()]));
    words.extend(operators(settings, address));
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
        let words = master(settings, "10.0.0.1", Path::new("/run/s"), Path::new("/run/l"), known, None);
        words.into_iter().map(|word| word.into_string().expect("text")).collect()
    }

    fn has(words: &[String], option: &str) -> bool {
        words.windows(2).any(|pair| pair == ["-o", option])
    }
}
