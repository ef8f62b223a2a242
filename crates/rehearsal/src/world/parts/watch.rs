//! The invariants, their violations, and what the checks have to remember.

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
    /// DNS points at next hosts before they are verified.
    DnsBeforeVerification,
    /// A host is terminated while a balancer has it.
    HostTerminatedWhileRegistered,
    /// A migration starts without a snapshot to go back to.
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

/// The violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// When it started.
    pub at: Timestamp,
    /// What must never happen.
    pub invariant: Invariant,
    /// The subject, and the details.
    pub detail: String,
}

/// The resources that the journal names, of those that the upgrade made.
///
/// It names a resource by its id once an answer or a reading has contained the id. Before that, a resource is named by
/// its step, if the step is on record as started and its call is under way or in doubt. The step says under which name
/// to look. It names at most one resource, and none if the id is known. Snapshots have the identifier that the plan
/// gave them, so a step that was started names its snapshot whatever the outcome of the step.
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
    /// The names of images whose build may have started.
    pub images_in_doubt: BTreeSet<ImageName>,
}

impl KnownResources {
    /// The resources that the journal of an upgrade names.
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

/// What the checks have to remember.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Watch {
    pub(crate) violations: Vec<Violation>,
    /// What was reported, as the invariant and its subject.
    pub(crate) reported: BTreeSet<(Invariant, String)>,
    /// The fleets whose sites have all been at the maintenance page.
    pub(crate) windows_begun: BTreeSet<FleetName>,
    /// The time since which no current host writes to a database.
    pub(crate) quiet_since: BTreeMap<DatabaseName, Timestamp>,
    /// The checks that next hosts alone have passed, by the position of the site.
    pub(crate) passed: Vec<BTreeSet<usize>>,
    /// The positions of the sites that next hosts alone have served correctly.
    pub(crate) verified: BTreeSet<usize>,
}

impl Watch {
    pub(crate) fn furnish(sites: usize) -> Self {
        Self { passed: vec![BTreeSet::new(); sites], ..Self::default() }
    }
}
