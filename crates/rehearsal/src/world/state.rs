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
    Balancer, Database, Earlier, Fault, Host, Image, Job, Migrations, Pages, Queue, Tally, Violation, Visitors, Watch,
    Zone,
};
use crate::pace::Pace;

/// The version of the saved world that this program writes.
pub(crate) const WORLD_VERSION: u32 = 1;

/// A whole world: everything that decides its future, except the calls that are made to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorldState {
    pub(crate) version: u32,
    pub(crate) seed: u64,
    /// The deployment as it was when the world was furnished.
    pub(crate) deployment: Deployment,
    pub(crate) furnished_at: Timestamp,
    /// Up to when everything has happened.
    pub(crate) now: Timestamp,
    pub(crate) agenda: Agenda,
    pub(crate) zone: Zone,
    pub(crate) balancers: BTreeMap<BalancerName, Balancer>,
    pub(crate) hosts: BTreeMap<InstanceId, Host>,
    /// The instance that each launch token has made.
    pub(crate) launches: BTreeMap<String, InstanceId>,
    /// Oldest first.
    pub(crate) images: Vec<Image>,
    pub(crate) databases: BTreeMap<DatabaseName, Database>,
    /// One for every migration of every fleet, in the file's order.
    pub(crate) migrations: Vec<Migrations>,
    pub(crate) jobs: BTreeMap<InstanceId, BTreeMap<JobName, Job>>,
    /// The epoch of the latest conductor that each host has heard of.
    #[serde(default)]
    pub(crate) heard: BTreeMap<InstanceId, u64>,
    pub(crate) queues: BTreeMap<FleetName, Queue>,
    pub(crate) pages: Pages,
    /// The messages that were sent, by token.
    pub(crate) outbox: BTreeMap<String, Announce>,
    /// One for every site, in the file's order.
    pub(crate) visitors: Vec<Visitors>,
    pub(crate) watch: Watch,
    /// What was written lately, as readings may still show it.
    #[serde(default)]
    pub(crate) earlier: Earlier,
    /// What will go wrong. Tests add to it before the world is used.
    pub faults: Vec<Fault>,
    /// How often each call was made, while there are faults to count for.
    pub(crate) calls: BTreeMap<String, u32>,
    /// Which calls of each name were made to fail, counted from 1.
    #[serde(default)]
    pub(crate) failed_calls: BTreeMap<String, BTreeSet<u32>>,
    /// How time passes, when several processes share the world.
    pub(crate) pace: Option<Pace>,
    /// Counts that follow from the rest.
    #[serde(skip)]
    pub(crate) tally: Tally,
    /// Something changed that decides where requests for any site may end.
    #[serde(skip)]
    pub(crate) traffic_changed: bool,
    /// Something changed about what runs on hosts, or about schemas.
    #[serde(skip)]
    pub(crate) services_changed: bool,
}

impl WorldState {
    /// What must never happen and has.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.watch.violations
    }

    /// The site of that host name, with its position in the file.
    pub(crate) fn site(&self, host: &DnsName) -> Option<(usize, &Site)> {
        let position = self.tally.site(host)?;
        Some((position, self.deployment.sites.get(position)?))
    }

    /// How long a port call takes. It depends on the moment, not on how many calls came before.
    pub(crate) fn call_length(&self, call: &str, now: Timestamp) -> Duration {
        let moment = now.as_millisecond().to_string();
        chance::from_to(self.seed, &["call", call, &moment], Duration::from_millis(100), Duration::from_millis(300))
    }

    /// About `expected`, as the deployment says durations vary.
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
