//! What the operator's configuration says about a host, as `ssh -G` prints it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crate::arguments;
use crate::limits::within;
use crate::program::{program, unusable};
use crate::settings::Settings;
use crate::trouble::Trouble;
use crate::way::Way;

/// How long `ssh -G` may take: it runs the commands of `Match exec`.
const LIMIT: Duration = Duration::from_secs(20);

/// What the operator's configuration says about a host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Effective {
    /// The user to sign in as.
    pub user: String,
    /// The control socket of the operator's own connections, if any are shared.
    pub socket: Option<PathBuf>,
    /// The files of known hosts for the whole machine, as one option's value.
    pub global_known_hosts: String,
    /// The way to the host.
    pub way: Way,
    /// Whether a host whose key is not known is refused, or a person is asked.
    pub checks_host_keys: bool,
}

impl Effective {
    pub(crate) async fn of(settings: &Settings, address: &str) -> Result<Self, Trouble> {
        let mut question = program(settings);
        question.args(arguments::effective(settings, address)).stdin(Stdio::null()).kill_on_drop(true);
        let output = match within(LIMIT, question.output()).await {
            Some(output) => output.map_err(|error| unusable(settings, &error))?,
            None => return Err(Trouble::Unreachable("`ssh -G` does not end".to_owned())),
        };
        let text = String::from_utf8_lossy(&output.stdout);
        match Self::read(&text) {
            Some(effective) if output.status.success() => Ok(effective),
            _ => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(Trouble::Unusable(said.lines().next().unwrap_or("`ssh -G` says nothing").to_owned()))
            }
        }
    }

    /// Reads what `ssh -G` prints: a line for each option.
    fn read(text: &str) -> Option<Self> {
        let value = |option: &str| {
            text.lines()
                .find_map(|line| line.split_once(' ').filter(|(name, _)| *name == option))
                .map(|(_, value)| value)
        };
        let unless_none = |option: &str| value(option).filter(|value| *value != "none");
        Some(Self {
            user: value("user")?.to_owned(),
            socket: unless_none("controlpath").map(PathBuf::from),
            global_known_hosts: value("globalknownhostsfile").unwrap_or_default().to_owned(),
            way: match (unless_none("proxyjump"), unless_none("proxycommand")) {
                (Some(jump_hosts), _) => Way::JumpHosts(jump_hosts.to_owned()),
                (None, Some(command)) => Way::Command(command.to_owned()),
                (None, None) => Way::Direct,
            },
            checks_host_keys: matches!(value("stricthostkeychecking"), Some("true" | "yes" | "ask")),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Effective {
        Effective::read(text).expect("it is complete")
    }

    #[test]
    fn the_operators_control_socket_is_found_in_what_ssh_prints() {
        let effective = read(
            "host 10.0.0.1\nuser ada\nhostname 10.0.0.1\ncontrolpath /run/ada/ssh-10.0.0.1\n\
             globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2\n",
        );
        assert_eq!(effective.user, "ada");
        assert_eq!(effective.socket.as_deref(), Some(Path::new("/run/ada/ssh-10.0.0.1")));
        assert!(effective.global_known_hosts.ends_with("ssh_known_hosts2"));
        assert_eq!(read("user ada\ncontrolpath none\n").socket, None);
        assert_eq!(Effective::read("hostname 10.0.0.1\n"), None);
    }

    #[test]
    fn jump_hosts_and_commands_that_lead_to_a_host_are_found_in_what_ssh_prints() {
        let way = |line: &str| read(&format!("user ada\n{line}\n")).way;
        assert_eq!(way("proxyjump ada@one:23,two"), Way::JumpHosts("ada@one:23,two".to_owned()));
        assert_eq!(way("proxycommand ssh -W %h:%p one"), Way::Command("ssh -W %h:%p one".to_owned()));
        for direct in ["proxyjump none", "proxycommand none", "port 22"] {
            assert_eq!(way(direct), Way::Direct);
        }
    }

    #[test]
    fn host_keys_are_checked_unless_the_configuration_accepts_some_by_itself() {
        let checks = |value: &str| read(&format!("user ada\nstricthostkeychecking {value}\n")).checks_host_keys;
        assert!(checks("true") && checks("ask"));
        assert!(!checks("false") && !checks("accept-new") && !checks("something else"));
    }
}
