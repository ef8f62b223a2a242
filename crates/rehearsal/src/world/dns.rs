//! Route 53 and the resolvers: a zone whose servers get changes one after the other, and caches in front of them.
//!
//! Resolvers are busy: each asks again as soon as its answer expires. So nothing needs to be simulated while records do
//! not change, and when a server's answer changes, the time of each cache's next refresh is known.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use cutover_core::names::{ChangeId, DnsName};
use cutover_core::observation::Record;
use cutover_core::plan::RecordTarget;
use cutover_core::time::later;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::ports::{Answer, ServerAnswer};

use super::chance::milliseconds;
use super::events::Event;
use super::parts::{Change, Left, Resolver, Server};
use super::state::WorldState;

impl WorldState {
    pub(crate) fn records(&self, zone: &str, names: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>> {
        self.own_zone(zone)?;
        let found = |name: &DnsName| Some((name.clone(), self.zone.records.get(name)?.clone()));
        Ok(names.iter().filter_map(found).collect())
    }

    pub(crate) fn fence(&self, zone: &str, name: &DnsName) -> Answer<Option<FenceRecord>> {
        self.own_zone(zone)?;
        Ok(self.zone.fences.get(name).cloned())
    }

    /// Sets the records, if the fence is the expected one. The servers get the change one after the other, and
    /// resolvers when their answers expire.
    pub(crate) fn change_records(
        &mut self,
        zone: &str,
        records: &[RecordTarget],
        fence: &FenceChange,
    ) -> Answer<ChangeId> {
        self.own_zone(zone)?;
        self.own_names(records)?;
        if self.zone.fences.get(&fence.name) != fence.was.as_ref() {
            let why = format!("the batch was refused: {} does not have the value to be deleted", fence.name);
            return Err(Failure::new(FailureClass::Superseded, why));
        }
        self.zone.fences.insert(fence.name.clone(), fence.next.clone());
        self.watch_move(records);
        let number = self.zone.changes.len().to_string();
        let id = ChangeId::from(format!("C{}", self.hexadecimal(&["change", &number], 13).to_uppercase()));
        for RecordTarget { name, target, ttl } in records {
            self.zone.records.insert(name.clone(), Record { target: target.clone(), ttl: *ttl });
        }
        self.zone.changes.insert(id.clone(), Change { records: records.to_vec(), in_sync: false });
        let length = self.varied(&["dns-sync", id.as_str()], self.deployment.expected.dns_sync.duration());
        let mut in_sync = later(self.now, length);
        for server in 0..self.zone.servers.len() {
            let part = Duration::from_millis(
                milliseconds(length) * (200 + self.below(&["server", &server.to_string(), id.as_str()], 750)) / 1000,
            );
            let up_to_date = later(self.now, part).max(self.zone.servers[server].up_to_date);
            self.zone.servers[server].up_to_date = up_to_date;
            in_sync = in_sync.max(up_to_date);
            self.agenda.schedule(up_to_date, Event::ServerLearns { server, change: id.clone() });
        }
        self.agenda.schedule(in_sync, Event::ChangeInSync { change: id.clone() });
        self.traffic_changed = true;
        Ok(id)
    }

    pub(crate) fn in_sync(&self, change: &ChangeId) -> Answer<bool> {
        let known = self.zone.changes.get(change).map(|change| change.in_sync);
        known.ok_or_else(|| Failure::permanent(format!("Route 53 has no change {change}")))
    }

    pub(crate) fn ask_servers(&self, zone: &str, name: &DnsName) -> Answer<Vec<ServerAnswer>> {
        self.own_zone(zone)?;
        let answer = |(number, server): (u32, &Server)| ServerAnswer {
            server: format!("ns-{number}.awsdns.example"),
            target: server.answers.get(name).map(|record| record.target.clone()),
        };
        Ok((1..).zip(&self.zone.servers).map(answer).collect())
    }

    pub(crate) fn ask_resolver(&self, address: IpAddr, name: &DnsName) -> Option<DnsName> {
        let resolver = self.zone.resolvers.iter().find(|resolver| resolver.address == Some(address));
        // For a resolver that was not in the file when the world was created, any other one is used.
        self.resolve(resolver.or_else(|| self.zone.resolvers.first())?, name)
    }

    /// The target that a visitor gets for `name`.
    pub(crate) fn resolve_outside(&self, name: &DnsName) -> Option<DnsName> {
        self.resolve(self.zone.resolvers.first()?, name)
    }

    fn resolve(&self, resolver: &Resolver, name: &DnsName) -> Option<DnsName> {
        let fresh = || self.zone.servers.first()?.answers.get(name);
        resolver.caches.get(name).map(|cache| &cache.record).or_else(fresh).map(|record| record.target.clone())
    }

    fn own_zone(&self, zone: &str) -> Answer<()> {
        if zone.trim_end_matches('.') == self.deployment.dns.zone.trim_end_matches('.') {
            return Ok(());
        }
        Err(Failure::permanent(format!("Route 53 has no hosted zone {zone}; see dns.zone in the deployment file")))
    }

    /// A batch with a name outside of the zone is refused as a whole.
    fn own_names(&self, records: &[RecordTarget]) -> Answer<()> {
        let zone = self.deployment.dns.zone.trim_end_matches('.');
        let within = |name: &str| name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        match records.iter().find(|record| !within(record.name.as_str())) {
            None => Ok(()),
            Some(record) => Err(Failure::permanent(format!("{} is not a name in the zone {zone}", record.name))),
        }
    }

    pub(crate) fn server_learns(&mut self, server: usize, change: &ChangeId) {
        let Some(change) = self.zone.changes.get(change) else { return };
        let records = change.records.clone();
        let stale_ttl = self.deployment.embedded.stale_ttl.duration();
        for RecordTarget { name, target, ttl } in records {
            for (number, resolver) in self.zone.resolvers.iter_mut().enumerate() {
                let honest = resolver.honest;
                if let Some(cache) = resolver.caches.get_mut(&name).filter(|cache| cache.server == server) {
                    let kept = if honest { cache.record.ttl } else { stale_ttl };
                    let due = cache.next_refresh(kept, self.now);
                    cache.due = Some(due);
                    self.agenda.schedule(due, Event::ResolverRefreshes { resolver: number, name: name.clone() });
                }
            }
            self.zone.servers[server].answers.insert(name, Record { target, ttl });
        }
    }

    pub(crate) fn change_is_in_sync(&mut self, change: &ChangeId) {
        if let Some(change) = self.zone.changes.get_mut(change) {
            change.in_sync = true;
        }
    }

    pub(crate) fn resolver_refreshes(&mut self, resolver: usize, name: &DnsName) {
        let held = self.held_open(resolver, name);
        let honest = self.zone.resolvers[resolver].honest;
        let Some(cache) = self.zone.resolvers[resolver].caches.get_mut(name) else { return };
        if cache.due != Some(self.now) {
            return;
        }
        cache.due = None;
        cache.fetched = self.now;
        let Some(fresh) = self.zone.servers[cache.server].answers.get(name) else { return };
        if fresh.target != cache.record.target {
            if honest {
                let until = later(self.now, held);
                cache.left = Some(Left { target: cache.record.target.clone(), until });
                self.agenda.schedule(until, Event::ConnectionsClose { resolver, name: name.clone() });
            }
            self.tally.rename(name);
        }
        cache.record = fresh.clone();
    }

    /// How long connections stay open that were made with a resolver's previous answer: almost as long as the file
    /// says.
    fn held_open(&self, resolver: usize, name: &DnsName) -> Duration {
        let settle = milliseconds(self.deployment.dns.settle.duration());
        Duration::from_millis(settle * (500 + self.below(&["held", &resolver.to_string(), name.as_str()], 450)) / 1000)
    }

    pub(crate) fn connections_close(&mut self, resolver: usize, name: &DnsName) {
        let now = self.now;
        if let Some(cache) = self.zone.resolvers[resolver].caches.get_mut(name)
            && cache.left.as_ref().is_some_and(|left| left.until == now)
        {
            cache.left = None;
            self.tally.rename(name);
        }
    }
}
