//! Counts over hosts, members of balancers and names, kept up as these change, so that what follows from one change is
//! found without looking at all hosts and all sites. Everything here follows from the rest of the world: nothing of it is
//! saved, and it is made anew when a saved world is first moved.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cutover_core::deployment::{Deployment, Role};
use cutover_core::names::{BalancerName, DnsName, FleetName, InstanceId, ProgramName};
use cutover_core::observation::Health;

use super::state::WorldState;
use super::visitors::Streams;

/// The counts of a world, and what has changed since they were last looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    is_made: bool,
    /// The numbers of the programs that sites need.
    programs: HashMap<ProgramName, usize>,
    /// The positions of sites in the file, by host name, balancer and fleet.
    by_host: HashMap<DnsName, usize>,
    behind: HashMap<BalancerName, Vec<usize>>,
    of_fleet: HashMap<FleetName, Vec<usize>>,
    /// Where the visitors of each site go.
    pub(crate) streams: Vec<Streams>,
    /// The sites of which visitors go to another balancer than the site's own.
    pub(crate) astray: BTreeSet<usize>,
    hosts: HashMap<InstanceId, Counted>,
    balancers: HashMap<BalancerName, Members>,
    fleets: HashMap<FleetName, Running>,
    /// The hosts that have changed, with the balancers that have changed their opinion of them.
    touched: BTreeMap<InstanceId, BTreeSet<BalancerName>>,
    /// The sites whose names lead elsewhere now.
    renamed: BTreeSet<usize>,
    /// The balancers whose counts have changed.
    recounted: BTreeSet<BalancerName>,
}

/// What a host adds to the counts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    fleet: FleetName,
    role: Role,
    current: bool,
    unstopped: bool,
    working: bool,
    /// The programs of sites that answer here, by number.
    serves: Vec<usize>,
    members: BTreeMap<BalancerName, Health>,
}

/// The members of a balancer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) in_service: u32,
    pub(crate) out_of_service: u32,
    /// Of those in service, the current hosts.
    pub(crate) current: u32,
    /// The members in service and out of it where a program answers, by its number.
    serving: HashMap<(Health, usize), u32>,
}

/// What runs on the hosts of a fleet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    /// The current hosts on which not everything is stopped.
    pub(crate) current: BTreeSet<InstanceId>,
    /// The next worker hosts on which not everything is stopped.
    pub(crate) next_workers: BTreeSet<InstanceId>,
    /// How many worker hosts work.
    pub(crate) working: usize,
}

impl Tally {
    fn of(deployment: &Deployment) -> Self {
        let mut tally = Self { is_made: true, ..Self::default() };
        for (position, site) in deployment.sites.iter().enumerate() {
            let number = tally.programs.len();
            tally.programs.entry(site.program.clone()).or_insert(number);
            tally.by_host.entry(site.host.clone()).or_insert(position);
            tally.behind.entry(site.balancer.clone()).or_default().push(position);
        }
        for fleet in &deployment.fleets {
            let sites = fleet.edxapp.balancers.iter().filter_map(|balancer| tally.behind.get(balancer)).flatten();
            tally.of_fleet.insert(fleet.name.clone(), sites.copied().collect());
        }
        tally.streams = vec![Streams::default(); deployment.sites.len()];
        tally
    }

    /// The position in the file of the site of that host name.
    pub(crate) fn site(&self, host: &DnsName) -> Option<usize> {
        self.by_host.get(host).copied()
    }

    /// Whether any site needs that program.
    pub(crate) fn is_of_a_site(&self, program: &ProgramName) -> bool {
        self.programs.contains_key(program)
    }

    /// The sites of a fleet, by their positions in the file.
    pub(crate) fn sites_of(&self, fleet: &FleetName) -> &[usize] {
        self.of_fleet.get(fleet).map_or(&[], Vec::as_slice)
    }

    /// The members of a balancer; nothing when it has none that count.
    pub(crate) fn members(&self, balancer: &BalancerName) -> Option<&Members> {
        self.balancers.get(balancer)
    }

    /// What runs on a fleet's hosts; nothing when it has none.
    pub(crate) fn running(&self, fleet: &FleetName) -> Option<&Running> {
        self.fleets.get(fleet)
    }

    /// How many members of a balancer whose health is this have that program answering.
    pub(crate) fn serving(&self, members: &Members, health: Health, program: &ProgramName) -> u32 {
        let number = self.programs.get(program);
        number.and_then(|number| members.serving.get(&(health, *number))).copied().unwrap_or(0)
    }

    /// A name leads elsewhere now.
    pub(crate) fn rename(&mut self, host: &DnsName) {
        self.renamed.extend(self.by_host.get(host));
    }

    /// The sites whose names lead elsewhere, and those whose balancers have changed, since this was last asked.
    pub(crate) fn take_changed(&mut self) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let recounted = std::mem::take(&mut self.recounted);
        let mut behind: BTreeSet<usize> =
            recounted.iter().filter_map(|balancer| self.behind.get(balancer)).flatten().copied().collect();
        if !recounted.is_empty() {
            behind.extend(&self.astray);
        }
        (std::mem::take(&mut self.renamed), behind)
    }

    fn add(&mut self, instance: &InstanceId, host: &Counted) {
        let running = self.fleets.entry(host.fleet.clone()).or_default();
        if host.unstopped && host.current {
            running.current.insert(instance.clone());
        }
        if host.unstopped && !host.current && host.role == Role::Worker {
            running.next_workers.insert(instance.clone());
        }
        running.working += usize::from(host.working);
        for (balancer, health) in &host.members {
            let members = self.balancers.entry(balancer.clone()).or_default();
            members.in_service += u32::from(*health == Health::InService);
            members.out_of_service += u32::from(*health == Health::OutOfService);
            members.current += u32::from(*health == Health::InService && host.current);
            for program in &host.serves {
                *members.serving.entry((*health, *program)).or_default() += 1;
            }
        }
    }

    fn subtract(&mut self, instance: &InstanceId, host: &Counted) {
        let running = self.fleets.entry(host.fleet.clone()).or_default();
        running.current.remove(instance);
        running.next_workers.remove(instance);
        running.working -= usize::from(host.working);
        for (balancer, health) in &host.members {
            let members = self.balancers.entry(balancer.clone()).or_default();
            members.in_service -= u32::from(*health == Health::InService);
            members.out_of_service -= u32::from(*health == Health::OutOfService);
            members.current -= u32::from(*health == Health::InService && host.current);
            for program in &host.serves {
                *members.serving.entry((*health, *program)).or_default() -= 1;
            }
        }
    }
}

impl WorldState {
    /// Something about a host has changed.
    pub(crate) fn touch(&mut self, instance: &InstanceId) {
        self.tally.touched.entry(instance.clone()).or_default();
    }

    /// A balancer has changed its opinion of a host, or has it no more.
    pub(crate) fn touch_member(&mut self, balancer: &BalancerName, instance: &InstanceId) {
        self.tally.touched.entry(instance.clone()).or_default().insert(balancer.clone());
    }

    /// Brings the counts up to date.
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
        for (instance, balancers) in std::mem::take(&mut self.tally.touched) {
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
        }
        if let Some(now) = now {
            self.tally.hosts.insert(instance.clone(), now);
        }
    }

    fn counted(&self, instance: &InstanceId, balancers: &BTreeSet<BalancerName>) -> Option<Counted> {
        let host = self.hosts.get(instance)?;
        let health =
            |name: &BalancerName| Some((name.clone(), self.balancers.get(name)?.members.get(instance)?.health));
        let mut serves: Vec<usize> = host
            .programs
            .keys()
            .filter(|program| host.serves(program))
            .filter_map(|program| self.tally.programs.get(program).copied())
            .collect();
        serves.sort_unstable();
        Some(Counted {
            fleet: host.fleet.clone(),
            role: host.role,
            current: host.current,
            unstopped: host.unstopped().is_some(),
            working: host.role == Role::Worker && host.programs.keys().any(|program| host.serves(program)),
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

    /// How many members each balancer has in service, and what runs on each fleet's hosts.
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
