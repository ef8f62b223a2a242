//! What a host says about itself before it is needed: whether a conductor could do its work there.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{DatabaseName, HostName, InstanceId, ProgramName};
use crate::rows::TableRows;
use crate::size::Size;
use crate::unknown_sessions::UnknownSession;

/// What a host says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Its clock, in whole seconds.
    pub clock: Timestamp,
    /// What sudo said instead of leading to root; nothing if it asks for no password.
    pub no_sudo: Option<String>,
    /// The other users whom commands need and who cannot be reached, each with what was said.
    #[serde(default)]
    pub refused: Vec<String>,
    /// Programs that the commands of a conductor need and that are not installed.
    pub missing: Vec<String>,
    /// Programs and folders of the file's own commands that are not there for the user who would run them, each with that user.
    #[serde(default)]
    pub absent: Vec<String>,
    /// The highest epoch of a conductor of this upgrade that the host has seen; nothing if it has seen none.
    #[serde(default)]
    pub epoch: Option<u64>,
    /// Why no jobs can be kept there; nothing if they can.
    #[serde(default)]
    pub no_job_folder: Option<String>,
    /// Why root cannot make namespaces of host names and of mounts there; nothing if it can.
    #[serde(default)]
    pub no_namespaces: Option<String>,
    /// The version of supervisor.
    pub supervisor: Supervisor,
    /// The files of supervisor that cannot be changed.
    #[serde(default)]
    pub read_only: Vec<String>,
    /// The programs that supervisor has, and that none of the files found has.
    #[serde(default)]
    pub in_no_file: Vec<ProgramName>,
    /// The free space of each file system that is written to, in KiB, with its mount point.
    pub free: Vec<(u64, String)>,
    /// Agents and timers that may restart services or change packages in the window.
    pub agents: Vec<String>,
}

/// The supervisor of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Supervisor {
    /// It answers, and has this version.
    Version(String),
    /// There is no supervisorctl at that path.
    Missing(String),
    /// It does not answer: supervisorctl said this.
    Silent(String),
}

impl Readiness {
    /// How far the host's clock is off, if it was asked between these two moments; zero if that cannot be told apart from
    /// the time that the question took.
    #[must_use]
    pub fn clock_is_off_by(&self, before: Timestamp, after: Timestamp) -> Duration {
        // Its seconds are whole.
        let (first, last) = (self.clock, self.clock + Duration::from_secs(1));
        let off = if last < before { before.duration_since(last) } else { first.duration_since(after) };
        Duration::try_from(off).unwrap_or_default()
    }
}

/// What came of asking one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedHost {
    /// Its name.
    pub name: HostName,
    /// Its id.
    pub instance: InstanceId,
    /// Whether it is a current host, and not a next one.
    pub is_current: bool,
    /// The highest epoch of a conductor that the journal knows.
    pub known_epoch: u64,
    /// The moments right before and after the question, on this machine's clock.
    pub between: (Timestamp, Timestamp),
    /// What it says of itself, or why it could not be asked.
    pub answer: Result<Readiness, NotAsked>,
    /// What its supervisor runs, or what is wrong with the programs that the file names for this host.
    pub programs: Result<Supervised, NotAsked>,
    /// What is wrong with the cron files and timers that the file holds back on this host; nothing if all of them are there.
    pub held_back: Option<NotAsked>,
    /// Why the requests of visitors could not be counted there; nothing if they could, or need not be.
    pub no_requests: Option<NotAsked>,
    /// What came of asking databases from this host, if it is the one that asks them.
    pub databases: Vec<AskedDatabase>,
}

/// What came of the commands that ask a database instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedDatabase {
    /// The instance.
    pub name: DatabaseName,
    /// Whether the host will ask it in the window, too. A current host asks only as long as there is no next one.
    pub asks_in_window: bool,
    /// Why its sessions could not be looked at; nothing if they could, or need not be.
    pub no_sessions: Option<NotAsked>,
    /// How much storage is free and how much must be, or why that is not known; nothing if it need not be.
    pub storage: Option<Result<(Size, Size), NotAsked>>,
    /// How many rows the tables of the file have, or why that is not known; nothing if it names none.
    pub rows: Option<Result<Vec<TableRows>, NotAsked>>,
}

/// What a supervisor runs that a window would not stop, or might not stop completely.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supervised {
    /// The programs of a current host that run and that the file does not name.
    pub unnamed: Vec<ProgramName>,
    /// The processes that its programs have started outside of its unit, or that let others
    /// do their work there: the command and the program of each.
    pub outside: BTreeSet<String>,
    /// The sessions of a current host that something has opened with `su`, of which nothing shows whose they are, and that are not
    /// listed.
    pub unknown_sessions: Vec<UnknownSession>,
    /// What does not run as the upgrade has left it.
    pub after_window: AfterWindow,
    /// What is listed of the host's role: `unrelated_processes` of the deployment file.
    pub unrelated: Vec<String>,
}

/// What a supervisor runs, or does not run, otherwise than a window has left it. All of it is empty before that window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AfterWindow {
    /// The programs that run old code on the migrated schema.
    pub old: Vec<ProgramName>,
    /// The programs that would run it once the host boots.
    pub old_at_boot: Vec<ProgramName>,
    /// The programs of a next host that do not run, each with its state.
    pub not_running: Vec<String>,
    /// The programs of a next host that will not run once it boots.
    pub not_at_boot: Vec<ProgramName>,
}

/// Why something is not known of a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotAsked {
    /// Why.
    pub why: String,
    /// What to do about it; empty if nobody knows.
    pub remedy: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_only_by_what_the_question_cannot_explain() {
        let at = |seconds: i64| Timestamp::from_second(1_795_939_200 + seconds).expect("a moment");
        let host = Readiness {
            clock: at(0),
            no_sudo: None,
            refused: Vec::new(),
            missing: Vec::new(),
            absent: Vec::new(),
            epoch: None,
            no_job_folder: None,
            no_namespaces: None,
            read_only: Vec::new(),
            in_no_file: Vec::new(),
            supervisor: Supervisor::Version("4.2.5".to_owned()),
            free: Vec::new(),
            agents: Vec::new(),
        };
        assert_eq!(host.clock_is_off_by(at(-2), at(3)), Duration::ZERO);
        assert_eq!(host.clock_is_off_by(at(-9), at(-7)), Duration::from_secs(7));
        assert_eq!(host.clock_is_off_by(at(8), at(9)), Duration::from_secs(7));
    }
}
