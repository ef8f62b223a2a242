//! Counts over hosts, members of balancers and names.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::deployment::{Deployment, Role};
use cutover_core::name_map::NameMap;
use cutover_core::names::{BalancerName, DnsName, FleetName, InstanceId, ProgramName};
use cutover_core::observation::Health;

use super::Streams;

/// The counts of a world, and what has changed since they were last read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) is_made: bool,
    /// The numbers of the programs that sites need.
    pub(crate) programs: NameMap<ProgramName, usize>,
    /// The positions of sites in the file, by host name, balancer and fleet.
    pub(crate) by_host: NameMap<DnsName, usize>,
    pub(crate) behind: NameMap<BalancerName, Vec<usize>>,
    pub(crate) of_fleet: NameMap<FleetName, Vec<usize>>,
    /// Where the visitors of each site go.
    pub(crate) streams: Vec<Streams>,
    /// The sites with visitors who go to another balancer than the site's own.
    pub(crate) astray: BTreeSet<usize>,
    pub(crate) hosts: NameMap<InstanceId, Counted>,
    pub(crate) balancers: NameMap<BalancerName, Members>,
    pub(crate) fleets: NameMap<FleetName, Running>,
    /// The hosts that have changed, with the balancers in which their health has changed.
    pub(crate) touched: BTreeMap<InstanceId, BTreeSet<BalancerName>>,
    /// The sites whose names have new targets.
    pub(crate) renamed: BTreeSet<usize>,
    /// The balancers whose counts have changed.
    pub(crate) recounted: BTreeSet<BalancerName>,
    /// Whether the counts of what runs on hosts may have changed.
    pub(crate) services_changed: bool,
}

/// What a host adds to the counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) fleet: FleetName,
    pub(crate) role: Role,
    pub(crate) current: bool,
    pub(crate) unstopped: bool,
    pub(crate) working: bool,
    /// The programs of sites that answer on this host, by number.
    pub(crate) serves: Vec<usize>,
    pub(crate) members: BTreeMap<BalancerName, Health>,
}

/// The members of a balancer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) in_service: u32,
    pub(crate) out_of_service: u32,
    /// The current hosts among those in service.
    pub(crate) current: u32,
    /// The members on which a program answers, by the program's number: those in service, and the others.
    pub(crate) serving: NameMap<(Health, usize), u32>,
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
    pub(crate) fn of(deployment: &Deployment) -> Self {
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

    /// The position in the file of the site with that host name.
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

    /// The counts of a balancer's members; `None` if there are none.
    pub(crate) fn members(&self, balancer: &BalancerName) -> Option<&Members> {
        self.balancers.get(balancer)
    }

    /// The counts of what runs on a fleet's hosts; `None` if it has no hosts.
    pub(crate) fn running(&self, fleet: &FleetName) -> Option<&Running> {
        self.fleets.get(fleet)
    }

    /// The number of members of a balancer with this health on which that program answers.
    pub(crate) fn serving(&self, members: &Members, health: Health, program: &ProgramName) -> u32 {
        let number = self.programs.get(program);
        number.and_then(|number| members.serving.get(&(health, *number))).copied().unwrap_or(0)
    }

    /// A name has a new target.
    pub(crate) fn rename(&mut self, host: &DnsName) {
        self.renamed.extend(self.by_host.get(host));
    }

    /// The sites whose names have new targets or whose balancers have changed since the last call.
    pub(crate) fn take_changed(&mut self) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let recounted = std::mem::take(&mut self.recounted);
        let mut behind: BTreeSet<usize> =
            recounted.iter().filter_map(|balancer| self.behind.get(balancer)).flatten().copied().collect();
        if !recounted.is_empty() {
            behind.extend(&self.astray);
        }
        (std::mem::take(&mut self.renamed), behind)
    }

    pub(crate) fn add(&mut self, instance: &InstanceId, host: &Counted) {
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

    pub(crate) fn subtract(&mut self, instance: &InstanceId, host: &Counted) {
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
