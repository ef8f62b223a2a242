//! Why a host could not be asked, read from what `ssh` has logged.

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
    #[error("its host key has changed: {0}")]
    HostKeyChanged(String),
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

impl Trouble {
    /// Whether the command may have been carried out.
    #[must_use]
    pub const fn may_have_run(&self) -> bool {
        matches!(self, Self::StuckBefore(_) | Self::TooLarge(_) | Self::Silent(_) | Self::Lost(_))
    }

    /// Whether the host could not prove who it is.
    #[must_use]
    pub const fn is_about_the_host_key(&self) -> bool {
        matches!(self, Self::HostKeyUnknown(_) | Self::HostKeyChanged(_))
    }

    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OnTheWay(trouble) => trouble.hint(),
            Self::KeyRefused(_) => {
                "check `ssh-add -l`, and the user and the key for this host in the SSH configuration"
            }
            Self::HostKeyUnknown(_) => {
                "compare the key with the console output of the instance, and add it to known_hosts; \
                                        or name the host CA in the deployment file"
            }
            Self::HostKeyChanged(_) => {
                "find out why before anything else: the address may have been given to another host; \
                                        then remove the old key with `ssh-keygen -R`"
            }
            Self::Unusable(_) => "install OpenSSH's client, or correct its configuration",
            Self::Unreachable(_) | Self::Silent(_) => {
                "check the host, its security groups, and the way to it (VPN, jump host)"
            }
            Self::NoSudo(_) => {
                "sign in with `ssh` as the same user, run `sudo -n true` there, and allow it without a password \
                 (NOPASSWD in /etc/sudoers.d)"
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
        }
    }
}

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
        return Trouble::HostKeyChanged(known);
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
            (changed, Trouble::HostKeyChanged("Offending ED25519 key in /home/ada/.ssh/known_hosts:3".to_owned())),
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
