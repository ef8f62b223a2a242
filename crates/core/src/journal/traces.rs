//! How processes of programs are recognised once their program has ended, where nothing on the host shows it any more.
//!
//! A program that goes through a session, as with `su -`, leaves supervisor's unit and loses its environment. As long as it
//! runs, what it has started is known by its parents. So that is put on record before the program is told to stop. The program's own
//! process is as well: what is left in its process group may show nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::names::ProgramName;

/// What programs of a host have started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// The start of the host after which they were seen: process ids and scopes mean something else after another one.
    pub boot: String,
    /// The processes, with those of the programs themselves. (Journals of earlier versions do not have these.)
    pub processes: BTreeSet<TracedProcess>,
    /// The scopes of systemd that programs have entered, by the path of their control group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<String, Option<ProgramName>>,
    /// The inodes of these control groups: logind gives the names of scopes again once it was restarted. (Journals of earlier
    /// versions do not have them.)
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inodes: BTreeMap<String, u64>,
}

/// A process that a program has started.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TracedProcess {
    /// Its process id.
    pub pid: u32,
    /// When it began, in the kernel's ticks since boot: another process may get its id later.
    pub begun: u64,
    /// The program; `None` if nothing showed for which one supervisor had started it, as in the first second of a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramName>,
}

impl Traces {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty() && self.scopes.is_empty()
    }

    /// Adds those of a later look. After another start of the host, the earlier ones are gone.
    pub(super) fn add(&mut self, later: &Self) {
        if self.boot != later.boot {
            *self = later.clone();
            return;
        }
        self.processes.extend(later.processes.iter().cloned());
        for (scope, program) in &later.scopes {
            let is_another = self.inodes.get(scope).zip(later.inodes.get(scope)).is_some_and(|(seen, now)| seen != now);
            let known = self.scopes.entry(scope.clone()).or_default();
            *known = known.take().filter(|_| !is_another).or_else(|| program.clone());
        }
        self.inodes.extend(later.inodes.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_of_several_looks_are_kept_until_the_host_is_started_again() {
        let seen = |boot: &str, pid| Traces {
            boot: boot.to_owned(),
            processes: [TracedProcess { pid, begun: 6157, program: Some("lms".into()) }].into(),
            scopes: [(format!("/user.slice/session-c{pid}.scope"), Some("lms".into()))].into(),
            inodes: BTreeMap::new(),
        };
        let mut traces = Traces::default();
        [("one", 1), ("one", 2)].into_iter().for_each(|(boot, pid)| traces.add(&seen(boot, pid)));
        assert_eq!((traces.processes.len(), traces.scopes.len()), (2, 2));
        traces.add(&seen("two", 1));
        assert_eq!(traces, seen("two", 1));
    }
    #[test]
    fn a_scope_whose_name_was_given_again_is_of_the_program_that_was_seen_in_it_last() {
        const SCOPE: &str = "/user.slice/session-c1.scope";
        let seen = |inode, program: Option<&str>| Traces {
            boot: "one".to_owned(),
            scopes: [(SCOPE.to_owned(), program.map(ProgramName::from))].into(),
            inodes: [(SCOPE.to_owned(), inode)].into(),
            ..Traces::default()
        };
        let mut traces = seen(71, Some("lms"));
        traces.add(&seen(71, None));
        assert_eq!(traces, seen(71, Some("lms")), "the same scope");
        traces.add(&seen(72, None));
        assert_eq!(traces, seen(72, None));
    }
}
