//! Creates the world before an upgrade from a deployment: current hosts are serving, older images and a snapshot exist,
//! and no upgrade was started.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::deployment::{Deployment, Role, Services};
use cutover_core::names::{DnsName, ImageId, InstanceId, ProgramName, SnapshotId};
use cutover_core::observation::{Distribution, InstanceState, Record, Snapshot};
use cutover_core::time::earlier;

use super::chance;
use super::compute::FIRST_PROCESS;
use super::events::Agenda;
use super::parts::{
    Balancer, Database, Earlier, Host, Image, Member, Migrations, Pages, Process, Program, Queue, Tally, Visitors,
    Watch, Zone, location,
};
use super::state::{WORLD_VERSION, WorldState};

const DAY: Duration = Duration::from_secs(86_400);
/// The age of current hosts: they were launched for the previous release, half a year ago.
const HOST_AGE_DAYS: u32 = 180;

impl WorldState {
    /// The world that `deployment` describes, at the time `at`.
    pub(crate) fn furnish(deployment: &Deployment, seed: u64, at: Timestamp) -> Self {
        let deployment = deployment.clone();
        let mut world = Self {
            version: WORLD_VERSION,
            seed,
            furnished_at: at,
            now: at,
            agenda: Agenda::default(),
            zone: zone(&deployment, seed, at),
            balancers: BTreeMap::new(),
            hosts: BTreeMap::new(),
            launches: BTreeMap::new(),
            packings: BTreeMap::new(),
            images: Vec::new(),
            databases: databases(&deployment, at),
            migrations: migrations(&deployment),
            jobs: BTreeMap::new(),
            heard: BTreeMap::new(),
            queues: BTreeMap::new(),
            pages: pages(&deployment),
            outbox: BTreeMap::new(),
            visitors: vec![Visitors::default(); deployment.sites.len()],
            watch: Watch::furnish(deployment.sites.len()),
            earlier: Earlier::default(),
            faults: Vec::new(),
            calls: BTreeMap::new(),
            failed_calls: BTreeMap::new(),
            pinned_requests: 0,
            pace: None,
            tally: Tally::default(),
            traffic_changed: true,
            schemas_changed: true,
            deployment,
        };
        world.furnish_images();
        world.furnish_hosts();
        world.furnish_balancers();
        world.furnish_queues();
        world.settle();
        world
    }

    /// One image more of each role than are kept, so that there is something to retire.
    fn furnish_images(&mut self) {
        for role in Role::ALL {
            let Some(services) = self.deployment.role.services(role).cloned() else { continue };
            let count = self.deployment.release.keep_images + 1;
            for number in 1..=count {
                let image = self.old_image(role, &services, number, count - number);
                self.images.push(image);
            }
        }
        self.images.sort_by_key(|image| image.created);
    }

    /// The image of an earlier build; `number` says how many builds before the one in use.
    fn old_image(&self, role: Role, services: &Services, number: u32, builds_ago: u32) -> Image {
        let release = &self.deployment.release;
        let name = services.image.name.replace("{deployment}", self.deployment.name.as_str());
        let name = name.replace("{codename}", &release.current_codename).replace("{n}", &number.to_string()).into();
        let newest: Option<u32> = release.current_version.parse().ok();
        let version = newest.map(|newest| newest.saturating_sub(builds_ago).to_string());
        Image {
            id: self.image_id(&name),
            commit: self.hexadecimal(&["commit", name.as_str()], 40).into(),
            name,
            role,
            codename: release.current_codename.as_str().into(),
            version: version.unwrap_or_else(|| release.current_version.clone()).into(),
            available: true,
            created: earlier(self.now, DAY * (HOST_AGE_DAYS + 1 + 30 * builds_ago)),
            furnished: true,
        }
    }

    fn furnish_hosts(&mut self) {
        let launched = earlier(self.now, DAY * HOST_AGE_DAYS);
        let version = self.deployment.release.current_version.clone();
        for fleet in self.deployment.fleets.clone() {
            for (role, group) in fleet.groups() {
                let image = self.images.iter().rfind(|image| image.role == role).map(|image| image.id.clone());
                for number in 0..group.current_count.unwrap_or(group.count) {
                    let name = group.host_name(self.deployment.name.as_str(), &fleet.name, number, &version);
                    let id = InstanceId::from(format!("i-{}", self.hexadecimal(&["current", name.as_str()], 17)));
                    let programs = self.programs_of(&fleet.name, role);
                    let count = u32::try_from(programs.len()).unwrap_or(u32::MAX / 2);
                    let host = Host {
                        id: id.clone(),
                        name,
                        fleet: fleet.name.clone(),
                        role,
                        version: version.clone(),
                        launched,
                        upgrade: None,
                        state: InstanceState::Running,
                        image: image.clone().unwrap_or_else(|| ImageId::from("ami-unknown")),
                        current: true,
                        builds: None,
                        boot_stopped: false,
                        holds_back: false,
                        due: None,
                        programs: running(programs, launched),
                        last_process: FIRST_PROCESS + count,
                        healthy: role == Role::Edxapp,
                        healthy_since: launched,
                    };
                    self.hosts.insert(id, host);
                }
            }
        }
    }

    fn furnish_balancers(&mut self) {
        for declared in &self.deployment.balancers {
            let fleets = self.deployment.fleets.iter();
            let groups = fleets.flat_map(|fleet| fleet.groups().map(|(role, group)| (&fleet.name, role, group)));
            let registered: Vec<_> = groups.filter(|(_, _, group)| group.balancers.contains(&declared.name)).collect();
            let hosts = self
                .hosts
                .values()
                .filter(|host| registered.iter().any(|(fleet, role, _)| **fleet == host.fleet && *role == host.role));
            let members = hosts.map(|host| (host.id.clone(), Member::in_service(host.launched))).collect();
            let balancer = Balancer { kind: declared.kind, domain: declared.domain.clone(), members };
            self.balancers.insert(declared.name.clone(), balancer);
        }
    }

    fn furnish_queues(&mut self) {
        let with_workers = self.deployment.fleets.iter().filter(|fleet| fleet.worker.is_some());
        self.queues = with_workers.map(|fleet| (fleet.name.clone(), Queue::empty(self.now))).collect();
    }
}

/// Programs that have been running since a time.
fn running(programs: impl IntoIterator<Item = ProgramName>, since: Timestamp) -> BTreeMap<ProgramName, Program> {
    let processes = (FIRST_PROCESS..).map(|id| Program::Running(Process { id, since }));
    programs.into_iter().zip(processes).collect()
}

fn zone(deployment: &Deployment, seed: u64, at: Timestamp) -> Zone {
    let target = |balancer| deployment.balancer(balancer).map(|balancer| balancer.domain.clone());
    let ttl = deployment.dns.ttl.duration();
    let records: BTreeMap<DnsName, Record> = deployment
        .sites
        .iter()
        .filter_map(|site| Some((site.host.clone(), Record { target: target(&site.balancer)?, ttl })))
        .collect();
    let stale_ttl = deployment.embedded.stale_ttl.duration();
    Zone::furnish(records, &deployment.dns.resolvers, stale_ttl, at, |words, bound| chance::below(seed, words, bound))
}

/// Database instances with one nightly snapshot each, which is too old to make the next one quick.
fn databases(deployment: &Deployment, at: Timestamp) -> BTreeMap<cutover_core::names::DatabaseName, Database> {
    let started = earlier(at, Duration::from_secs(18 * 3600));
    let furnish = |database: &cutover_core::deployment::Database| {
        let id = SnapshotId::from(format!("rds-{}-nightly", database.name));
        let snapshots = vec![Snapshot { id, started, available: true }];
        (database.name.clone(), Database { snapshots, furnished: 1 })
    };
    deployment.databases.iter().map(furnish).collect()
}

fn migrations(deployment: &Deployment) -> Vec<Migrations> {
    let total = deployment.embedded.pending_migrations;
    deployment
        .fleets
        .iter()
        .flat_map(|fleet| deployment.migrations_of(fleet).map(|one| Migrations::furnish(&fleet.name, one, total)))
        .collect()
}

/// The distribution with the right settings, and the page of the previous upgrade.
fn pages(deployment: &Deployment) -> Pages {
    let page = &deployment.maintenance_page;
    let hosts: Vec<DnsName> = deployment.sites.iter().map(|site| site.host.clone()).collect();
    let old = "<p>The site is down for its last upgrade.</p>\n".to_owned();
    Pages {
        objects: BTreeMap::from([(location(&page.bucket, &page.key), old.clone())]),
        distribution: Distribution {
            domain: page.domain.clone(),
            deployed: true,
            aliases: hosts.clone(),
            certified: hosts,
            uncertain: None,
            errors_show_page: true,
            enabled: true,
            origins: vec![format!("{}.s3.amazonaws.com", page.bucket)],
        },
        cached: Some(old),
        invalidations: BTreeMap::new(),
    }
}
