//! Scopes of systemd, as the host lists them: what tells one from a later one of the same name, and what logind tells of sessions.

use std::collections::{BTreeMap, BTreeSet};

/// What opens a session for somebody who signs in, or for a job of cron.
const SIGNS_IN: [&str; 15] = [
    "atd",
    "cockpit",
    "cron",
    "crond",
    "gdm-autologin",
    "gdm-launch-environment",
    "gdm-password",
    "lightdm",
    "login",
    "remote",
    "sddm",
    "sshd",
    "systemd-user",
    "vsftpd",
    "xrdp-sesman",
];

/// What changes the user of whatever calls it, which may be a program.
const SWITCHES_USER: [&str; 7] = ["su", "su-l", "runuser", "runuser-l", "sudo", "sudo-i", "doas"];

/// How logind writes that a session has begun no audit session of the kernel's.
const NO_AUDIT: [&str; 3] = ["", "0", "4294967295"];

/// What the host tells of its scopes.
#[derive(Default)]
pub(super) struct Scopes {
    /// The inode of each scope's control group, by its path.
    inodes: BTreeMap<String, u64>,
    /// The processes in sessions that have no audit session of the kernel's. PAM begins one for each login and each job of cron, and
    /// also for each `su -` where somebody has added `pam_loginuid` to it.
    without_audit: BTreeSet<u32>,
    /// What logind tells of the sessions that these are in, by id and property.
    sessions: BTreeMap<(String, String), String>,
}

impl Scopes {
    /// `scope INODE PATH`, `no-audit PID`, and `session ID PROPERTY=VALUE`. Other lines are none of these.
    pub(super) fn read(&mut self, line: &str) {
        match line.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
            // The hierarchy that is listed first is the one that systemd uses.
            ["scope", inode, path] => inode.parse().into_iter().for_each(|inode| {
                self.inodes.entry((*path).to_owned()).or_insert(inode);
            }),
            ["no-audit", pid] => self.without_audit.extend(pid.parse::<u32>()),
            ["session", id, property] => {
                self.sessions.extend(
                    property
                        .split_once('=')
                        .map(|(name, value)| (((*id).to_owned(), name.to_owned()), value.trim_end().to_owned())),
                );
            }
            _ => {}
        }
    }

    pub(super) fn inode(&self, path: &str) -> Option<u64> {
        self.inodes.get(path).copied()
    }

    pub(super) fn of_session(&self, id: &str, property: &str) -> &str {
        self.sessions.get(&(id.to_owned(), property.to_owned())).map_or("", String::as_str)
    }

    /// Whether nobody has signed in for a session with this process. Of a session that logind does not know any more, the audit
    /// session of the process tells it. So does that of logind's of one whose service is something of a team's own.
    pub(super) fn is_nobodys(&self, id: &str, pid: u32) -> bool {
        let of = |property| self.of_session(id, property);
        let without_audit = self.without_audit.contains(&pid);
        match of("Service") {
            "" => without_audit && of("Remote") != "yes",
            service if SIGNS_IN.contains(&service) || of("Remote") == "yes" => false,
            service => SWITCHES_USER.contains(&service) || without_audit || NO_AUDIT.contains(&of("Audit")),
        }
    }
}

/// The control group of the scope in a path, such as `/user.slice/user-33.slice/session-c1.scope`. That of the host's first
/// process is no scope of a program's.
pub(super) fn scope(path: &str) -> Option<&str> {
    let end = path.find(".scope").map(|at| at + ".scope".len())?;
    let scope = &path[..end];
    let is_whole = path[end..].is_empty() || path[end..].starts_with('/');
    (is_whole && !scope.ends_with("/init.scope")).then_some(scope)
}

/// The id of the session of logind's whose scope this is.
pub(super) fn session_of(scope: &str) -> Option<&str> {
    scope.rsplit('/').next()?.strip_prefix("session-")?.strip_suffix(".scope")
}
