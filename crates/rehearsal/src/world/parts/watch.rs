//! The invariants, their violations, and what the checks have to remember.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::{DatabaseName, FleetName};

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
