//! The command line of `ssh`, for one host.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::host_keys::ALIAS;
use crate::options::{OPTIONS, known_hosts, timing};
use crate::settings::Settings;

fn user(settings: &Settings) -> Vec<OsString> {
    settings.user.iter().flat_map(|user| ["-l".into(), user.into()]).collect()
}

/// The call that tells what the operator's configuration says about a host.
pub(crate) fn effective(settings: &Settings, address: &str) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["-G".into()];
    if let Some(config) = &settings.config {
        words.extend(["-F".into(), config.into()]);
    }
    words.extend(user(settings));
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

/// The files of a launch.
pub(crate) struct Files {
    /// The control socket.
    pub socket: PathBuf,
    /// What the master logs.
    pub log: PathBuf,
    /// The configuration instead of the operator's own.
    pub config: Option<PathBuf>,
}

/// The call that launches the master connection. It ends once the operator is signed in, and leaves the master in the
/// background. With `explains`, it also tells what commands on the way to the host print, among much else.
pub(crate) fn master(
    settings: &Settings,
    address: &str,
    files: &Files,
    known: &KnownBy<'_>,
    explains: bool,
) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["-f", "-N", "-M", "-T", "-S"].map(OsString::from).to_vec();
    words.extend([files.socket.as_os_str().into(), "-E".into(), files.log.as_os_str().into()]);
    let persist = format!("ControlPersist={}", Settings::PERSIST.as_secs());
    let options = OPTIONS.iter().map(|option| (*option).to_owned()).chain(timing(settings));
    let options = options.chain([persist]).chain(known.options(settings));
    words.extend(options.flat_map(|option| ["-o".into(), option.into()]));
    if let Some(config) = &files.config {
        words.extend(["-F".into(), config.into()]);
    }
    if explains {
        words.push("-v".into());
    }
    words.extend(user(settings));
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
        let files = Files { socket: "/run/s".into(), log: "/run/l".into(), config: None };
        let words = master(settings, "10.0.0.1", &files, known, false);
        words.into_iter().map(|word| word.into_string().expect("text")).collect()
    }

    fn has(words: &[String], option: &str) -> bool {
        words.windows(2).any(|pair| pair == ["-o", option])
    }
}
