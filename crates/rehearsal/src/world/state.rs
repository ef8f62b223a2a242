//! The state of the world, and its way through time. What each part does is beside the part.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::deployment::{Deployment, Site};
use cutover_core::names::{BalancerName, DatabaseName, DnsName, FleetName, InstanceId, JobName};
use cutover_core::plan::Announce;

use super::balancers::Balancer;
use super::chance;
use super::compute::Host;
use super::databases::Database;
use super::dns::Zone;
use super::events::{Agenda, Event};
use super::faults::Fault;
use super::images::Image;
use super::invariants::{Violation, Watch};
use super::late::Earlier;
use super::migrations::{Job, Migrations};
use super::pages::Pages;
use super::queues::Queue;
use super::tally::Tally;
use super::visitors::Visitors;
use crate::paced::Pace;

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
    /// Lets everything happen that happens by `moment`. A moment in the past changes nothing.
    pub(crate) fn advance(&mut self, moment: Timestamp) {
        self.count();
        while let Some(next) = self.agenda.next_until(moment) {
            self.now = self.now.max(next.at);
            self.happen(next.event);
            self.settle();
        }
        self.now = self.now.max(moment);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ServerLearns { server, change } => self.server_learns(server, &change),
            Event::ChangeInSync { change } => self.change_is_in_sync(&change),
            Event::ResolverRefreshes { resolver, name } => self.resolver_refreshes(resolver, &name),
            Event::ConnectionsClose { resolver, name } => self.connections_close(resolver, &name),
            Event::InstanceMoves { instance } => self.instance_moves(&instance),
            Event::ProgramMoves { instance, program } => self.program_moves(&instance, &program),
            Event::MemberMoves { balancer, instance } => self.member_moves(&balancer, &instance),
            Event::ImageBuilt { image } => self.image_is_built(&image),
            Event::SnapshotTaken { database, snapshot } => self.snapshot_is_taken(&database, &snapshot),
            Event::JobMoves { instance, job } => self.job_moves(&instance, &job),
            Event::InvalidationCompletes { invalidation } => self.invalidation_completes(&invalidation),
        }
    }

    /// After every event and every call: what follows for visitors and queues, and whether anything is as it must
    /// not be.
    pub(crate) fn settle(&mut self) {
        self.count();
        let (mut renamed, behind) = self.tally.take_changed();
        if std::mem::take(&mut self.traffic_changed) {
            renamed.extend(0..self.deployment.sites.len());
            self.note_windows();
        }
        let services = std::mem::take(&mut self.services_changed);
        let traffic = !renamed.is_empty() || !behind.is_empty();
        if traffic {
            self.note_visitors(&renamed, &behind);
            renamed.union(&behind).for_each(|site| self.watch_site(*site));
        }
        if services {
            self.watch_services();
        }
        if traffic || services {
            self.note_queues();
        }
    }

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
