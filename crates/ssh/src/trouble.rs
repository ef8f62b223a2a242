//! Why a host could not be asked, read from what `ssh` has logged.

use std::borrow::Cow;

use cutover_hosts::shell::quote;

/// Why a command has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The host does not accept the operator's keys.
    #[error("it does not accept this operator's key: {0}")]
    KeyRefused(String),
    /// The host's key is not among the known ones.
    #[error("its host key is not known: {0}")]
    HostKeyUnknown(String),
    /// The host has another key than it is known to have.
    #[error("its host key has changed: {said}")]
    HostKeyChanged {
        /// What `ssh` says of the key that it knows.
        said: String,
        /// Where that key is, if `ssh` says so.
        old: Option<OldKey>,
    },
    /// The configuration of `ssh`, or the program itself, cannot be used.
    #[error("ssh cannot be used: {0}")]
    Unusable(String),
    /// A jump host, or a command that leads to the host, has this trouble.
    #[error("on the way to it: {0}")]
    OnTheWay(Box<Self>),
    /// No connection could be made. Nothing was sent.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The user of the connection may not become another user without a password. The command did not begin.
    #[error("sudo does not let this operator in: {0}")]
    NoSudo(String),
    /// The command did not begin: the host printed this instead.
    #[error("the command did not begin: {0}")]
    NotBegun(String),
    /// The command was sent, and had not begun when its time was over.
    #[error("the command did not begin {0}")]
    StuckBefore(String),
    /// The command was carried out, and its answer is larger than this.
    #[error("the answer is larger than {0}, so it was not read")]
    TooLarge(String),
    /// The connection is there, and the host does not respond. The command may have been sent.
    #[error("it cannot be reached any more: {0}")]
    Silent(String),
    /// The command was sent, and its answer was lost or did not come in time.
    #[error("the connection was lost before the answer came: {0}")]
    Lost(String),
}

/// A key of a host in a file of known hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldKey {
    /// The name under which the file has it: an address or an alias, or `[ADDRESS]:PORT`.
    pub host: String,
    /// The file.
    pub file: String,
}

impl OldKey {
    /// The key of which a log complains, if it names the file and the host.
    fn of_log(log: &str) -> Option<Self> {
        let between = |before: &str, after: &str| Some(log.split_once(before)?.1.split_once(after)?.0);
        let host = between("Host key for ", " has changed and you have requested strict checking")?;
        let line = log.lines().find(|line| line.starts_with("Offending ")).map(str::trim)?;
        let (file, number) = line.split_once(" in ")?.1.rsplit_once(':')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self { host: host.to_owned(), file: file.to_owned() })
    }

    /// The command that removes it.
    fn removal(&self) -> String {
        format!("ssh-keygen -R {} -f {}", quote(&self.host), quote(&self.file))
    }
}

impl Trouble {
    /// Whether the command may have been carried out.
    #[must_use]
    pub const fn may_have_run(&self) -> bool {
        matches!(self, Self::StuckBefore(_) | Self::TooLarge(_) | Self::Silent(_) | Self::Lost(_))
    }

    /// Whether it may be that the host is restarting. A jump host is not the host.
    #[must_use]
    pub const fn may_be_a_restart(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::StuckBefore(_) | Self::Silent(_) | Self::Lost(_))
    }

    /// Whether the host could not prove who it is.
    #[must_use]
    pub const fn is_about_the_host_key(&self) -> bool {
        matches!(self, Self::HostKeyUnknown(_) | Self::HostKeyChanged { .. })
    }

    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> Cow<'static, str> {
        let usual = match self {
            Self::OnTheWay(trouble) => return trouble.hint(),
            Self::HostKeyChanged { old: Some(old), .. } => {
                return format!("{FIND_OUT}; then remove the old key: `{}`", old.removal()).into();
            }
            Self::HostKeyChanged { old: None, .. } => {
                return format!("{FIND_OUT}; then remove the old key from the file of known hosts").into();
            }
            Self::KeyRefused(_) => {
                "check `ssh-add -l`, and the user and the key for this host in the SSH configuration"
            }
            Self::HostKeyUnknown(_) => {
                "compare the key with the console output of the instance, and add it to known_hosts; \
                                        or name the host CA in the deployment file"
            }
            Self::Unusable(_) => "install OpenSSH's client, or correct its configuration",
            Self::Unreachable(_) | Self::Silent(_) => {
                "check the host, its security groups, and the way to it (VPN, jump host)"
            }
            Self::NoSudo(_) => {
                "let this user run /bin/sh as root, and as the users of migrations, with sudo, without a password (NOPASSWD in \
                 /etc/sudoers.d), or set `user` under [ssh]"
            }
            Self::NotBegun(_) => "sign in with `ssh` as the same user and see what the host prints",
            Self::StuckBefore(_) => {
                "sign in with `ssh` as the same user: the host may be overloaded, or a start-up file of its shell, such as \
                 ~/.bashrc, may hang"
            }
            Self::TooLarge(_) => {
                "run the command there by hand and see what it prints; a list of processes is that large if thousands of them run"
            }
            Self::Lost(_) => "check the network; cutover looks at the host again",
        };
        usual.into()
    }
}

const FIND_OUT: &str = "find out why before anything else: the address may have been given to another host";

/// What is wrong with a host that printed this instead of beginning a command. Its language is the host's, but the program
/// names itself.
pub(crate) fn of_not_begun(said: String) -> Trouble {
    if said.contains("sudo") { Trouble::NoSudo(said) } else { Trouble::NotBegun(said) }
}

/// Reads the log of a master that could not be launched.
pub(crate) fn of_log(log: &str) -> Trouble {
    let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('@'));
    let line_with =
        |words: &[&str]| lines().find(|line| words.iter().any(|word| line.contains(word))).map(str::to_owned);
    let last = lines().next_back().unwrap_or("ssh says nothing").to_owned();
    if log.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") || log.contains("host key differs") {
        let known = line_with(&["Offending"]).unwrap_or(last);
        return Trouble::HostKeyChanged { said: known, old: OldKey::of_log(log) };
    }
    if let Some(line) = line_with(&["host key is known for", "Host key verification failed"]) {
        return Trouble::HostKeyUnknown(line);
    }
    if let Some(line) = line_with(&["Permission denied", "Too many authentication failures", "No more authentication"])
    {
        return Trouble::KeyRefused(line);
    }
    if let Some(line) =
        line_with(&["Bad configuration option", "bad configuration options", "Bad owner or permissions"])
    {
        return Trouble::Unusable(line);
    }
    Trouble::Unreachable(last)
}

/// The same where something leads to the host, and has said this.
pub(crate) fn of_log_and_way(log: &str, said: &str) -> Trouble {
    match of_log(log) {
        Trouble::Unreachable(_) if !said.trim().is_empty() => Trouble::OnTheWay(Box::new(of_log(said))),
        trouble => trouble,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_in_which_a_connection_fails_is_told_apart() {
        let changed = "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@\nIT IS POSSIBLE THAT \
                       SOMEONE IS DOING SOMETHING NASTY!\nOffending ED25519 key in /home/ada/.ssh/known_hosts:3\nHost key \
                       verification failed.\n";
        let logs = [
            (
                changed,
                Trouble::HostKeyChanged {
                    said: "Offending ED25519 key in /home/ada/.ssh/known_hosts:3".to_owned(),
                    old: None,
                },
            ),
            (
                "No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.\r\nHost key verification \
                 failed.\r\n",
                Trouble::HostKeyUnknown(
                    "No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.".to_owned(),
                ),
            ),
            (
                "ubuntu@10.0.0.1: Permission denied (publickey).\r\n",
                Trouble::KeyRefused("ubuntu@10.0.0.1: Permission denied (publickey).".to_owned()),
            ),
            (
                "ssh: connect to host 10.0.0.1 port 22: Connection timed out\r\n",
                Trouble::Unreachable("ssh: connect to host 10.0.0.1 port 22: Connection timed out".to_owned()),
            ),
            ("", Trouble::Unreachable("ssh says nothing".to_owned())),
        ];
        for (log, trouble) in logs {
            assert_eq!(of_log(log), trouble);
        }
    }

    #[test]
    fn the_command_that_removes_an_old_key_names_its_file_and_the_host_as_the_file_has_it() {
        let log = |file: &str, host: &str| {
            format!(
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nAdd correct host key in /root/.ssh/known_hosts to \
                 get rid of this message.\r\nOffending ED25519 key in {file}:12\r\nHost key for {host} has changed and you \
                 have requested strict checking.\r\nHost key verification failed.\r\n"
            )
        };
        for (file, host, command) in [
            ("net/kh_bad", "10.99.7.11", "`ssh-keygen -R 10.99.7.11 -f net/kh_bad`"),
            ("/etc/a b", "[10.99.7.11]:2222", "`ssh-keygen -R '[10.99.7.11]:2222' -f '/etc/a b'`"),
        ] {
            let trouble = of_log(&log(file, host));
            assert!(trouble.hint().ends_with(command), "{}", trouble.hint());
            let on_the_way = Trouble::OnTheWay(Box::new(trouble));
            assert!(on_the_way.hint().ends_with(command), "{}", on_the_way.hint());
        }
    }

    #[test]
    fn a_sudo_that_does_not_let_the_operator_in_is_told_as_that() {
        for said in [
            "sudo: a password is required",
            "sudo: Ein Passwort ist notwendig",
            "ada is not in the sudoers file.",
            "bash: line 1: exec: sudo: not found",
        ] {
            assert_eq!(of_not_begun(said.to_owned()), Trouble::NoSudo(said.to_owned()));
        }
        let other = "This account is currently not available.";
        assert_eq!(of_not_begun(other.to_owned()), Trouble::NotBegun(other.to_owned()));
    }

    #[test]
    fn only_a_command_that_may_have_been_sent_leaves_it_open_whether_it_ran() {
        let why = || "why".to_owned();
        assert!(Trouble::Lost(why()).may_have_run() && Trouble::Silent(why()).may_have_run());
        for trouble in [Trouble::Unreachable(why()), Trouble::NotBegun(why()), Trouble::KeyRefused(why())] {
            assert!(!trouble.may_have_run(), "{trouble}");
        }
    }
}
