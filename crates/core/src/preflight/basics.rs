//! What any work on a host needs: root and other users, programs and folders, namespaces, space, and a clock that is right.

use std::time::Duration;

use super::flaw::Flaw;
use crate::readiness::{AskedHost, Readiness};
use crate::time::human;

/// A clock that is off by more than this makes logs of several hosts hard to compare.
const CLOCK: Duration = Duration::from_secs(5);
/// AWS refuses requests that are signed by a clock that is off by more than this.
const CLOCK_FOR_AWS: Duration = Duration::from_secs(300);
/// With less space than this, in KiB, commands and services fail at any moment.
const FULL: u64 = 100 << 10;
/// With less space than this, in KiB, logs of a release's start may fill the rest.
const LOW: u64 = 1 << 20;

pub(super) fn tools(asked: &Readiness) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if let Some(said) = &asked.no_sudo {
        let remedy = "let this user run /bin/sh as root with sudo, without a password (NOPASSWD in /etc/sudoers.d), or set `user` \
             under [ssh]";
        flaws.push(Flaw::problem("sudo on hosts", said, "nothing could be done there as root", remedy));
    }
    if !asked.refused.is_empty() {
        let remedy = "let this user run /bin/sh as that user with sudo, or correct the migration's `user`";
        let consequence = "migrations could be neither listed nor run there";
        flaws.push(Flaw::problem("users of hosts", asked.refused.join("; "), consequence, remedy));
    }
    if !asked.missing.is_empty() {
        let seen = format!("not installed: {}", asked.missing.join(", "));
        let remedy = "install them there, or correct the commands in the deployment file";
        flaws.push(Flaw::problem("tools on hosts", seen, "commands cannot be run there", remedy));
    }
    if !asked.absent.is_empty() {
        let seen = format!("there is no {}", asked.absent.join(", and no "));
        let remedy = "correct smoke tests and migrations in the deployment file, or the image";
        flaws.push(Flaw::problem("commands on hosts", seen, "smoke tests or migrations would fail there", remedy));
    }
    if let Some(why) = asked.no_job_folder.as_ref().filter(|_| asked.no_sudo.is_none()) {
        let remedy = "correct `job_folder` under [ssh], or the file system there";
        flaws.push(Flaw::problem("job folder on hosts", why, "no order could be given there", remedy));
    }
    if let Some(said) = asked.no_namespaces.as_ref().filter(|_| asked.no_sudo.is_none()) {
        let consequence = "what a command has moved to a session of its own, as `su` does, is not found there once the command was ended: \
                           such a migration could be started a second time beside itself";
        let remedy = "let root make namespaces there (`sysctl user.max_uts_namespaces`, or the rights of the container), or let no \
                      migration command use `su`";
        flaws.push(Flaw::warning("namespaces on hosts", said, consequence, remedy));
    }
    flaws
}

pub(super) fn disks(asked: &Readiness) -> Vec<Flaw> {
    let below = |limit: u64| -> Vec<&str> {
        asked.free.iter().filter(|(free, _)| *free < limit).map(|(_, mount)| mount.as_str()).collect()
    };
    let (full, low) = (below(FULL), below(LOW));
    let remedy = "make room there, days before the window";
    if !full.is_empty() {
        let seen = format!("less than 100 MiB free on {}", full.join(", "));
        return vec![Flaw::problem("disks of hosts", seen, "commands and services fail when it is full", remedy)];
    }
    if !low.is_empty() {
        let seen = format!("less than 1 GiB free on {}", low.join(", "));
        return vec![Flaw::warning("disks of hosts", seen, "it may be full by the window", remedy)];
    }
    Vec::new()
}

pub(super) fn clock(host: &AskedHost, asked: &Readiness) -> Vec<Flaw> {
    const SUBJECT: &str = "clocks of hosts";
    let (before, after) = host.between;
    let off = asked.clock_is_off_by(before, after);
    let seen = || format!("off by {}, or this machine's is", human(off));
    let remedy = "look at time synchronisation there, and on this machine";
    if off > CLOCK_FOR_AWS {
        return vec![Flaw::problem(SUBJECT, seen(), "AWS refuses requests of such a host", remedy)];
    }
    if off > CLOCK {
        return vec![Flaw::warning(SUBJECT, seen(), "its logs cannot be compared with others", remedy)];
    }
    Vec::new()
}
