//! Snapshots that may lack what was written before the migrations, because programs were found running after they had been
//! begun.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::names::{HostName, ProgramName, SnapshotId};

/// Programs that were found running, by host.
pub type FoundRunning = BTreeMap<HostName, BTreeSet<ProgramName>>;

/// The snapshots, each with what was found running after it had been begun and that no operator has consented to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutdatedSnapshots(BTreeMap<SnapshotId, FoundRunning>);

impl OutdatedSnapshots {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the snapshot is one of them.
    #[must_use]
    pub fn contains(&self, snapshot: &SnapshotId) -> bool {
        self.0.contains_key(snapshot)
    }

    /// What was found running after any of these snapshots had been begun.
    #[must_use]
    pub fn behind<'a>(&self, snapshots: impl IntoIterator<Item = &'a SnapshotId>) -> FoundRunning {
        let mut all = FoundRunning::new();
        for (host, programs) in snapshots.into_iter().filter_map(|id| self.0.get(id)).flatten() {
            all.entry(host.clone()).or_default().extend(programs.iter().cloned());
        }
        all
    }

    /// These programs were found running on a host after the snapshots had been begun.
    pub fn found(&mut self, host: &HostName, programs: &[ProgramName], snapshots: &[SnapshotId]) {
        for snapshot in snapshots {
            let known = self.0.entry(snapshot.clone()).or_default();
            known.entry(host.clone()).or_default().extend(programs.iter().cloned());
        }
    }

    /// An operator has consented to these snapshots although those programs were found running. What was found besides is
    /// not settled with that. Records that name no programs are about all of them.
    pub fn accept(&mut self, snapshots: &[SnapshotId], named: &FoundRunning) {
        for snapshot in snapshots {
            let Some(found) = self.0.get_mut(snapshot).filter(|_| !named.is_empty()) else {
                self.0.remove(snapshot);
                continue;
            };
            for (host, programs) in named {
                if let Some(left) = found.get_mut(host) {
                    left.retain(|program| !programs.contains(program));
                }
            }
            found.retain(|_, left| !left.is_empty());
        }
        self.0.retain(|_, found| !found.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str, programs: &[&str]) -> (HostName, BTreeSet<ProgramName>) {
        (host.into(), programs.iter().map(|name| ProgramName::from(*name)).collect())
    }

    fn outdated() -> OutdatedSnapshots {
        let mut outdated = OutdatedSnapshots::default();
        outdated.found(&"edx-0".into(), &["lms".into(), "cms".into()], &["one".into()]);
        outdated.found(&"edx-0".into(), &["cms".into(), "forum".into()], &["one".into(), "two".into()]);
        outdated.found(&"worker-0".into(), &["tasks".into()], &["one".into()]);
        outdated
    }

    #[test]
    fn each_host_is_named_once_with_all_that_ran_on_it() {
        let all = outdated().behind(&["one".into(), "two".into()]);
        assert_eq!(all, [found("edx-0", &["cms", "forum", "lms"]), found("worker-0", &["tasks"])].into());
    }

    #[test]
    fn a_consent_settles_what_it_names_and_nothing_else() {
        let mut outdated = outdated();
        outdated.accept(&["one".into()], &[found("edx-0", &["cms", "forum", "lms"])].into());
        assert_eq!(outdated.behind(&["one".into()]), [found("worker-0", &["tasks"])].into());
        assert!(outdated.contains(&"two".into()), "it is another snapshot");
        outdated.accept(&["one".into()], &[found("worker-0", &["tasks"])].into());
        assert!(!outdated.contains(&"one".into()));
    }

    #[test]
    fn a_record_that_names_nothing_settles_all() {
        let mut outdated = outdated();
        outdated.accept(&["one".into()], &FoundRunning::new());
        assert!(!outdated.contains(&"one".into()) && outdated.contains(&"two".into()));
    }
}
