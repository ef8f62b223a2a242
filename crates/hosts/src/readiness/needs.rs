//! The programs that the commands of a conductor call on hosts.

use cutover_core::deployment::Services;

use crate::answers;

/// What a conductor needs on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The path of supervisorctl.
    pub supervisorctl: String,
    /// The users besides root that commands run as.
    pub users: Vec<String>,
    /// The programs that commands of the deployment file call.
    pub programs: Vec<String>,
}

impl Needs {
    /// What it needs on a host with these services, on which commands run as these `users` besides root.
    #[must_use]
    pub fn of(services: &Services, users: Vec<String>) -> Self {
        let counted = [&services.count_queues, &services.running_tasks];
        let commands = counted.into_iter().chain(&services.freeze).chain(&services.release);
        let asks = (!services.answers.is_empty()).then(|| answers::PROGRAM.to_owned());
        let mut programs: Vec<String> = commands.filter_map(|words| words.first().cloned()).chain(asks).collect();
        programs.sort();
        programs.dedup();
        Self { supervisorctl: services.supervisorctl.clone(), users, programs }
    }
}

/// What every host needs, from the packages coreutils, findutils, grep, libc-bin, mawk or gawk, sed and util-linux.
pub(super) const EVERYWHERE: &[&str] = &[
    "/usr/bin/env",
    "awk",
    "cat",
    "chown",
    "cut",
    "date",
    "dd",
    "df",
    "find",
    "flock",
    "getent",
    "grep",
    "head",
    "id",
    "mkdir",
    "mkfifo",
    "mv",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "sleep",
    "sync",
    "tail",
    "timeout",
    "tr",
    "uname",
    "wc",
];
/// What only a host with systemd needs, and only one without it. Whether `sudo` and `runuser` lead to other users is tried.
pub(super) const SYSTEMD: &[&str] = &["systemctl", "systemd-run"];
pub(super) const NO_SYSTEMD: &[&str] = &["runuser", "setsid"];

/// All of them, as the script takes them.
pub(super) fn words(needs: &Needs) -> Vec<String> {
    let everywhere = EVERYWHERE.iter().map(|program| (*program).to_owned());
    let systemd = SYSTEMD.iter().map(|program| format!("systemd:{program}"));
    let others = NO_SYSTEMD.iter().map(|program| format!("no-systemd:{program}"));
    everywhere.chain(systemd).chain(others).chain(needs.programs.iter().cloned()).collect()
}
