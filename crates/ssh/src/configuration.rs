//! The configuration of `ssh` for a host behind jump hosts.
//!
//! Options on the command line hold for the host alone. For each jump host, `ssh` starts another `ssh`, to which it passes
//! the name of the configuration file, and nothing else that matters here. So cutover's options are in a file that is passed
//! on, before the operator's own ones: the first value of an option counts.

use crate::options::{OPTIONS, known_hosts, timing};
use crate::settings::Settings;

/// The files that `ssh` reads if it is not told another one.
const USUAL: &[u8] = b"Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n";

/// The text of the file. `global_known_hosts` are the files of known hosts for the whole machine, as one option's value.
///
/// # Errors
/// When the operator's configuration cannot be read.
pub(crate) fn through_jump_hosts(settings: &Settings, global_known_hosts: &str) -> std::io::Result<Vec<u8>> {
    let known = settings.known_hosts.as_deref().map(|file| known_hosts(file, global_known_hosts));
    let options = OPTIONS.iter().map(|option| (*option).to_owned()).chain(timing(settings)).chain(known);
    let own: String = options.map(|option| format!("{option}\n")).collect();
    // It is not included, because `ssh` would then require other permissions of it.
    let operators = settings.config.as_ref().map_or_else(|| Ok(USUAL.to_vec()), std::fs::read)?;
    Ok([own.as_bytes(), &operators].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_hosts_get_the_same_options_and_known_hosts_and_then_what_the_operator_has_configured() {
        let settings = Settings { known_hosts: Some("/ca".into()), ..Settings::default() };
        let text = through_jump_hosts(&settings, "/etc/ssh/ssh_known_hosts").expect("nothing is read");
        let text = String::from_utf8(text).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        for line in ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=5"] {
            assert!(lines.contains(&line), "{line}: {text}");
        }
        assert!(lines.contains(&"GlobalKnownHostsFile=\"/ca\" /etc/ssh/ssh_known_hosts"), "{text}");
        assert_eq!(lines[lines.len() - 2..], ["Include ~/.ssh/config", "Include /etc/ssh/ssh_config"]);
    }
}
