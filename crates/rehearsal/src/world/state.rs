//! The state of the world: all its parts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::deployment::{Deployment, Site};
use cutover_core::names::{BalancerName, DatabaseName, DnsName, FleetName, InstanceId, JobName};
use cutover_core::plan::Announce;

use super::chance;
use super::events::Agenda;
use super::parts::{
    Balancer, Database, Earlier, Fault, Host, Image, Job, Migrations, Packing, Pages, Queue, Tally, Violation,
    Visitors, Watch, Zone,
};
use crate::pace::Pace;

/// The version of the saved world that this program writes.
pub(crate) const WORLD_VERSION: u32 = 2;

/// A whole world: everything that determines its future, except the calls that are made to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorldState {
    pub(crate) version: u32,
    pub(crate) seed: u64,
    /// The deployment for which the world was created.
    pub(crate) deployment: Deployment,
    pub(crate) furnished_at: Timestamp,
    /// The time up to which all events have been processed.
    pub(crate) now: Timestamp,
    pub(crate) agenda: Agenda,
    pub(crate) zone: Zone,
    pub(crate) balancers: BTreeMap<BalancerName, Balancer>,
    pub(crate) hosts: BTreeMap<InstanceId, Host>,
    /// The instance that was launched with each token.
    pub(crate) launches: BTreeMap<String, InstanceId>,
    /// Builds by Packer, by token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) packings: BTreeMap<String, Packing>,
    /// Oldest first.
    pub(crate) images: Vec<Image>,
    pub(crate) databases: BTreeMap<DatabaseName, Database>,
    /// One for every migration of every fleet, in the order of the file.
    pub(crate) migrations: Vec<Migrations>,
    pub(crate) jobs: BTreeMap<InstanceId, BTreeMap<JobName, Job>>,
    /// The highest epoch of a conductor that each host has seen.
    #[serde(default)]
    pub(crate) heard: BTreeMap<InstanceId, u64>,
    pub(crate) queues: BTreeMap<FleetName, Queue>,
    pub(crate) pages: Pages,
    /// The messages that were sent, by token.
    pub(crate) outbox: BTreeMap<String, Announce>,
    /// One for every site, in the order of the file.
    pub(crate) visitors: Vec<Visitors>,
    pub(crate) watch: Watch,
    /// The previous states of what was written recently, which readings may still show.
    #[serde(default)]
    pub(crate) earlier: Earlier,
    /// The faults to inject. Tests add to them before the world is used.
    pub faults: Vec<Fault>,
    /// How often each call was made. This is counted only if there are faults.
    pub(crate) calls: BTreeMap<String, u32>,
    /// Which calls of each name had a fault injected, counted from 1.
    #[serde(default)]
    pub(crate) failed_calls: BTreeMap<String, BTreeSet<u32>>,
    /// How many pages were requested from balancers directly. They pass requests on to their hosts in turn.
    #[serde(default)]
    pub(crate) pinned_requests: u64,
    /// How time passes, when several processes share the world.
    pub(crate) pace: Option<Pace>,
    /// Counts that are derived from the rest.
    #[serde(skip)]
    pub(crate) tally: Tally,
    /// Whether something has changed that determines where requests for a site end.
    #[serde(skip)]
    pub(crate) traffic_changed: bool,
    /// Whether a schema has got its first migration or its last.
    #[serde(skip)]
    pub(crate) schemas_changed: bool,
}

impl WorldState {
    /// The violated invariants.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.watch.violations
    }

    /// The site with that host name, and its position in the file.
    pub(crate) fn site(&self, host: &DnsName) -> Option<(usize, &Site)> {
        let position = self.tally.site(host)?;
        Some((position, self.deployment.sites.get(position)?))
    }

    /// How long a port call takes. It depends on the time, and not on the number of earlier calls.
    pub(crate) fn call_length(&self, call: &str, now: Timestamp) -> Duration {
        let (shortest, longest) = (Duration::from_millis(100), Duration::from_millis(300));
        chance::from_to(chance::seed_at(self.seed, now), &[call], shortest, longest)
    }

    /// About `expected`, with the variation that the deployment states.
    pub(crate) fn varied(&self, words: &[&str], expected: Duration) -> Duration {
        chance::varied(self.seed, words, expected, self.deployment.embedded.variation_per_mille)
    }

    /// A number from 0 up to, and without, `bound`.
    pub(crate) fn below(&self, words: &[&str], bound: u64) -> u64 {
        chance::below(self.seed, words, bound)
    }

    /// Hexadecimal digits for an id.
    pub(crate) fn hexadecimal(&self, words: &[&str], digits: usize) -> String {
        chance::hexadecimal(self.seed, words, digits)
    }
}
