//! What must never happen, what has happened of it, and what the watch remembers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::journal::{Run, Upgrade};
use cutover_core::names::{DatabaseName, FleetName, HostName, ImageId, ImageName, InstanceId, SnapshotId};
use cutover_core::plan::Action;

/// Something that must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// An old process runs against a migrated schema.
    OldProcessOnMigratedSchema,
    /// Two migrators run on one schema.
    TwoMigratorsOnOneSchema,
    /// A next worker runs before the window.
    NextWorkerBeforeWindow,
    /// A visitor whose resolver honours TTLs sees neither the site nor the maintenance page.
    VisitorSawAnError,
    /// DNS points at a balancer with no healthy host.
    DnsToUnhealthyBalancer,
    /// DNS points at next hosts that nobody has verified.
    DnsBeforeVerification,
    /// A host is terminated while a balancer has it.
    HostTerminatedWhileRegistered,
    /// A migration begins without a snapshot to go back to.
    MigrationWithoutSnapshot,
    /// The journal cannot name something that the upgrade made.
    ResourceNotInJournal,
    /// The upgrade has ended, and a site is not served by next hosts.
    SiteNotServed,
}

impl Invariant {
    /// What must never happen, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::OldProcessOnMigratedSchema => "an old process runs against a migrated schema",
            Self::TwoMigratorsOnOneSchema => "two migrators run on one schema",
            Self::NextWorkerBeforeWindow => "a next worker runs before the window",
            Self::VisitorSawAnError => "a visitor sees neither the site nor the maintenance page",
            Self::DnsToUnhealthyBalancer => "DNS points at a balancer with no healthy host",
            Self::DnsBeforeVerification => "DNS points at next hosts before they are verified",
            Self::HostTerminatedWhileRegistered => "a host is terminated while registered",
            Self::MigrationWithoutSnapshot => "a migration begins without an available snapshot",
            Self::ResourceNotInJournal => "a resource was made that the journal cannot name",
            Self::SiteNotServed => "the upgrade has ended with a site that next hosts do not serve",
        }
    }
}

impl std::fmt::Display for Invariant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.words())
    }
}

/// Something that must never happen, and has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// When it began.
    pub at: Timestamp,
    /// What must never happen.
    pub invariant: Invariant,
    /// To what it happened, and how.
    pub detail: String,
}

/// What the journal can name of what the upgrade made.
///
/// It names a resource by its id once an answer or a reading has told it. Before that a resource is named by its step: one
/// that is on record as begun, and whose call is under way or in doubt. The step says under which name to look. It names one
/// resource at most, and none besides one whose id is known. Snapshots have the identifier that the plan gave them, so a
/// step that was begun names its snapshot whatever has become of the step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownResources {
    /// Instances.
    pub instances: BTreeSet<InstanceId>,
    /// Machine images.
    pub images: BTreeSet<ImageId>,
    /// Database snapshots.
    pub snapshots: BTreeSet<SnapshotId>,
    /// The names of hosts whose launch may have worked.
    pub hosts_in_doubt: BTreeSet<HostName>,
    /// The names of images whose build may have begun.
    pub images_in_doubt: BTreeSet<ImageName>,
}

impl KnownResources {
    /// What the journal of an upgrade names.
    #[must_use]
    pub fn of(upgrade: &Upgrade) -> Self {
        let mut known = Self {
            instances: upgrade.launched.values().cloned().collect(),
            images: upgrade.images.values().cloned().collect(),
            snapshots: upgrade.snapshots.keys().cloned().collect(),
            ..Self::default()
        };
        for (step, run) in upgrade.runs.iter().flat_map(Run::runs) {
            let may_have_worked = run.status.is_open() || run.in_doubt;
            match &step.action {
                Action::Launch(launch) if may_have_worked => {
                    known.hosts_in_doubt.insert(launch.name.clone());
                }
                Action::BuildImage(build) if may_have_worked => {
                    known.images_in_doubt.insert(build.name.clone());
                }
                Action::TakeSnapshot { snapshot, .. } if !run.status.is_untouched() => {
                    known.snapshots.insert(snapshot.clone());
                }
                _ => {}
            }
        }
        known
    }
}

/// What the watch has to remember.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Watch {
    pub(crate) violations: Vec<Violation>,
    /// What was reported, as the invariant and its subject.
    pub(crate) reported: BTreeSet<(Invariant, String)>,
    /// The fleets whose sites have all been at the maintenance page.
    pub(crate) windows_begun: BTreeSet<FleetName>,
    /// Since when nothing old writes to a database.
    pub(crate) quiet_since: BTreeMap<DatabaseName, Timestamp>,
    /// The checks of each site, by place, that next hosts alone have passed.
    pub(crate) passed: Vec<BTreeSet<usize>>,
    /// The sites, by place, that next hosts alone have served as they must.
    pub(crate) verified: BTreeSet<usize>,
}

impl Watch {
    pub(crate) fn furnish(sites: usize) -> Self {
        Self { passed: vec![BTreeSet::new(); sites], ..Self::default() }
    }
}
