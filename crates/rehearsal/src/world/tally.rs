//! Counts of hosts, members and names, updated incrementally, so that one change does not require looking at all hosts
//! and sites. They are derived data: not saved, and recomputed after loading.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::deployment::Role;
use cutover_core::names::{BalancerName, InstanceId};

use super::parts::{Counted, Tally};
use super::state::WorldState;

impl WorldState {
    /// Something about a host has changed.
    pub(crate) fn touch(&mut self, instance: &InstanceId) {
        self.tally.touched.entry(instance.clone()).or_default();
    }

    /// The health of a host in a balancer has changed, or the host was removed.
    pub(crate) fn touch_member(&mut self, balancer: &BalancerName, instance: &InstanceId) {
        self.tally.touched.entry(instance.clone()).or_default().insert(balancer.clone());
    }

    /// Updates the counts.
    pub(crate) fn count(&mut self) {
        if !self.tally.is_made {
            self.tally = Tally::of(&self.deployment);
            self.tally.renamed = (0..self.deployment.sites.len()).collect();
            let mut touched: BTreeMap<InstanceId, BTreeSet<BalancerName>> =
                self.hosts.keys().map(|instance| (instance.clone(), BTreeSet::new())).collect();
            for (name, balancer) in &self.balancers {
                for instance in balancer.members.keys() {
                    touched.entry(instance.clone()).or_default().insert(name.clone());
                }
            }
            self.tally.touched = touched;
        }
        while let Some((instance, balancers)) = self.tally.touched.pop_first() {
            self.recount(&instance, balancers);
        }
    }

    fn recount(&mut self, instance: &InstanceId, mut balancers: BTreeSet<BalancerName>) {
        let before = self.tally.hosts.remove(instance);
        balancers.extend(before.iter().flat_map(|before| before.members.keys().cloned()));
        let now = self.counted(instance, &balancers);
        if before != now {
            if let Some(before) = &before {
                self.tally.subtract(instance, before);
            }
            if let Some(now) = &now {
                self.tally.add(instance, now);
            }
            self.tally.recounted.append(&mut balancers);
            self.tally.services_changed = true;
        }
        if let Some(now) = now {
            self.tally.hosts.insert(instance.clone(), now);
        }
    }

    fn counted(&self, instance: &InstanceId, balancers: &BTreeSet<BalancerName>) -> Option<Counted> {
        let host = self.hosts.get(instance)?;
        let health =
            |name: &BalancerName| Some((name.clone(), self.balancers.get(name)?.members.get(instance)?.health));
        let mut serves: Vec<usize> =
            host.serving().filter_map(|program| self.tally.programs.get(program).copied()).collect();
        serves.sort_unstable();
        Some(Counted {
            fleet: host.fleet.clone(),
            role: host.role,
            current: host.current,
            unstopped: host.unstopped().is_some(),
            working: host.role == Role::Worker && host.serving().next().is_some(),
            serves,
            members: balancers.iter().filter_map(health).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use cutover_core::deployment::parse;
    use cutover_core::names::FleetName;
    use cutover_core::observation::Health;
    use cutover_core::plan::Order;

    use crate::{WorldState, rehearse_with_copies};

    const QA: &str = include_str!("../../../../examples/mitx-qa.toml");

    /// The number of each balancer's members in service, and what runs on each fleet's hosts.
    fn counts(world: &WorldState) -> (Vec<u32>, Vec<String>) {
        let in_service = |name| world.tally.members(name).map_or(0, |members| members.in_service);
        let running = |fleet: &FleetName| format!("{:?}", world.tally.running(fleet));
        let fleets = world.deployment.fleets.iter();
        (world.balancers.keys().map(in_service).collect(), fleets.map(|fleet| running(&fleet.name)).collect())
    }

    #[test]
    fn counts_that_were_kept_up_are_those_of_a_world_that_was_saved_and_read() {
        let deployment = parse(QA).expect("the example has no mistakes");
        let (_, copies) = rehearse_with_copies(&deployment, 1, Order::Overlapped, |_| {}, |record| record % 7 == 0)
            .expect("the rehearsal works");
        assert!(copies.len() > 10);
        for copy in copies {
            let mut kept = copy.world;
            let text = serde_json::to_string(&kept).expect("a world is JSON");
            let mut read: WorldState = serde_json::from_str(&text).expect("the same world");
            kept.count();
            read.count();
            assert_eq!(counts(&kept), counts(&read));
            let scanned = kept
                .balancers
                .values()
                .map(|balancer| balancer.members.values().filter(|member| member.health == Health::InService).count());
            let scanned: Vec<u32> = scanned.map(|count| u32::try_from(count).expect("few")).collect();
            assert_eq!(counts(&kept).0, scanned);
        }
    }
}
