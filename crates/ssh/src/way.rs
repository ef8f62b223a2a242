//! The way to a host, where it is not a connection of its own: jump hosts, or a command of the operator's.
//!
//! Options on the command line hold for the host alone. For each jump host, `ssh` starts another `ssh`, to which it passes
//! the name of the configuration file, and nothing else that matters here. So the one for the jump hosts is started by a command
//! of cutover's, with a file in which cutover's options come before the operator's: the first value of an option counts.
//! `ssh` would also throw away what such a command says.

use std::path::Path;

use cutover_hosts::shell::quote;

use crate::options::{OPTIONS, known_hosts, timing};
use crate::settings::Settings;

/// The files that `ssh` reads if it is not told another one.
const USUAL: &[u8] = b"Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n";

/// The way to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A connection of its own.
    Direct,
    /// Through these jump hosts, as `ProxyJump` names them.
    JumpHosts(String),
    /// What this command of the operator's leads to.
    Command(String),
}

impl Way {
    /// What other hosts have in common with this one, if they may share jump hosts with it.
    pub(crate) fn shared(&self) -> Option<&str> {
        match self {
            Self::Direct => None,
            Self::JumpHosts(way) | Self::Command(way) => Some(way),
        }
    }

    /// The command that leads to the host, as `ProxyCommand` takes it: `%h` and `%p` stand for the host. What it says is added
    /// to the file `said`. `config` is the file for jump hosts.
    pub(crate) fn command(&self, settings: &Settings, config: &Path, said: &Path) -> Option<String> {
        let command = match self {
            Self::Direct => return None,
            Self::JumpHosts(all) => {
                let (before, last) =
                    all.rsplit_once(',').map_or((None, all.as_str()), |(some, last)| (Some(some), last));
                let before = before.map(|some| format!("-J {} ", quote(some))).unwrap_or_default();
                let (ssh, config) = (path(&settings.program), path(config));
                format!("{ssh} -F {config} {before}-W '[%h]:%p' {}", quote(&format!("ssh://{last}")))
            }
            Self::Command(command) => command.clone(),
        };
        Some(format!("{command} 2>>{}", path(said)))
    }
}

/// A path as a word of such a command.
fn path(path: &Path) -> String {
    quote(&path.display().to_string()).replace('%', "%%")
}

/// The configuration for jump hosts. `global_known_hosts` are the files of known hosts for the whole machine, as one option's
/// value.
///
/// # Errors
/// When the operator's configuration cannot be read.
pub(crate) fn configuration(settings: &Settings, global_known_hosts: &str) -> std::io::Result<Vec<u8>> {
    let known = settings.known_hosts.as_deref().map(|file| known_hosts(file, global_known_hosts));
    let options =
        OPTIONS.iter().map(|option| (*option).to_owned()).chain(timing(settings.connect_timeout)).chain(known);
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
        let text = configuration(&settings, "/etc/ssh/ssh_known_hosts").expect("nothing is read");
        let text = String::from_utf8(text).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        for line in ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=5"] {
            assert!(lines.contains(&line), "{line}: {text}");
        }
        assert!(lines.contains(&"GlobalKnownHostsFile=\"/ca\" /etc/ssh/ssh_known_hosts"), "{text}");
        assert_eq!(lines[lines.len() - 2..], ["Include ~/.ssh/config", "Include /etc/ssh/ssh_config"]);
    }

    #[test]
    fn the_last_jump_host_leads_to_the_host_and_the_others_lead_to_it() {
        let command = |way: Way| way.command(&Settings::default(), Path::new("/run/c"), Path::new("/run/50% said"));
        assert_eq!(command(Way::Direct), None);
        let through = |hosts: &str| command(Way::JumpHosts(hosts.to_owned())).expect("a command");
        assert_eq!(through("one"), "ssh -F /run/c -W '[%h]:%p' ssh://one 2>>'/run/50%% said'");
        let several = through("one,ada@two:23,[::1]:24");
        assert!(several.contains("-J one,ada@two:23 -W '[%h]:%p' 'ssh://[::1]:24'"), "{several}");
        let own = command(Way::Command("nc -X connect %h %p".to_owned())).expect("a command");
        assert!(own.starts_with("nc -X connect %h %p 2>>"), "{own}");
    }
}
