//! What the commands of a conductor need on hosts: programs, users and folders.

use std::collections::BTreeSet;

use cutover_core::deployment::{Migration, Services, WriteCheck};

use crate::answers;

const ROOT: &str = "root";

/// What a conductor needs on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The path of supervisorctl.
    pub supervisorctl: String,
    /// The users besides root that commands run as.
    pub users: Vec<String>,
    /// The programs that commands of the deployment file call, whatever their user and their folder.
    pub programs: Vec<String>,
    /// The folder in which jobs are kept.
    pub job_folder: String,
    /// The other commands of the deployment file.
    pub commands: BTreeSet<Needed>,
}

/// A command of the deployment file, by its first word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// The user who runs it.
    pub user: String,
    /// The folder in which it runs; empty for the user's home.
    pub folder: String,
    /// The program, a name or a path.
    pub program: String,
}

impl Needs {
    /// What it needs on a current host with these services.
    #[must_use]
    pub fn on_current(services: &Services, job_folder: &str) -> Self {
        let counted = [&services.count_queues, &services.running_tasks];
        let commands = counted.into_iter().chain(&services.freeze).chain(&services.release);
        let asks = (!services.answers.is_empty()).then(|| answers::PROGRAM.to_owned());
        let mut programs: Vec<String> = commands.filter_map(|words| words.first().cloned()).chain(asks).collect();
        programs.sort();
        programs.dedup();
        let (supervisorctl, job_folder) = (services.supervisorctl.clone(), job_folder.to_owned());
        Self { supervisorctl, programs, job_folder, ..Self::default() }
    }

    /// What it needs on a next host with these services, which is tested, and on which these migrations and write checks run.
    #[must_use]
    pub fn on_next(
        services: &Services,
        migrations: &[&Migration],
        write_checks: &[&WriteCheck],
        job_folder: &str,
    ) -> Self {
        let writers = write_checks.iter().map(|check| check.user.as_str());
        let users = migrations.iter().map(|migration| migration.user.as_str()).chain(writers);
        let users: BTreeSet<&str> = users.collect();
        let users = users.into_iter().filter(|user| *user != ROOT).map(str::to_owned).collect();
        let needed = |user: &str, folder: &str, words: &[String]| {
            let program = words.first()?.clone();
            Some(Needed { user: user.to_owned(), folder: folder.to_owned(), program })
        };
        let tested = services.smoke_tests.iter().filter_map(|test| needed(ROOT, "", &test.command));
        let migrated = migrations.iter().flat_map(|migration| {
            let Migration { lock_command, command, list_command, plan_command, recorded_command, .. } = migration;
            let Migration { sql_command, schema_command, .. } = migration;
            let words =
                [lock_command, command, list_command, plan_command, recorded_command, sql_command, schema_command];
            let words = words.into_iter().chain(&migration.before).chain(&migration.after);
            words.filter_map(|words| needed(&migration.user, &migration.directory, words))
        });
        let written = write_checks.iter().filter_map(|check| needed(&check.user, &check.directory, &check.command));
        Self {
            users,
            commands: tested.chain(migrated).chain(written).collect(),
            ..Self::on_current(services, job_folder)
        }
    }
}

/// What every host needs, from the packages coreutils, findutils, grep, libc-bin, mawk or gawk, mount, sed and util-linux.
pub(super) const EVERYWHERE: &[&str] = &[
    "/usr/bin/env",
    "awk",
    "cat",
    "chown",
    "chroot",
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
    "nsenter",
    "readlink",
    "rm",
    "rmdir",
    "runuser",
    "sed",
    "setsid",
    "sha256sum",
    "sleep",
    "sort",
    "sync",
    "tail",
    "timeout",
    "tr",
    "umount",
    "uname",
    "unshare",
    "wc",
];
/// What only a host with systemd needs. Whether `sudo` and `runuser` lead to other users is tried.
pub(super) const SYSTEMD: &[&str] = &["systemctl", "systemd-run"];

/// All of it after the users, as the script takes it.
pub(super) fn words(needs: &Needs) -> Vec<String> {
    let everywhere = EVERYWHERE.iter().map(|program| (*program).to_owned());
    let systemd = SYSTEMD.iter().map(|program| format!("systemd:{program}"));
    let programs = everywhere.chain(systemd).chain(needs.programs.iter().cloned());
    let commands = needs.commands.iter().cloned().flat_map(|needed| [needed.user, needed.folder, needed.program]);
    [needs.job_folder.clone()].into_iter().chain(programs).chain(["--".to_owned()]).chain(commands).collect()
}
