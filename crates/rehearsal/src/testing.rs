//! A small deployment and the actions of an upgrade, for tests. Every action waits until its work is done.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::{BalancerKind, Deployment, Fleet, Migration, Role, Site};
use cutover_core::names::{BalancerName, ChangeId, DnsName, ImageId, InstanceId, JobName, ProgramName, SnapshotId};
use cutover_core::observation::Health;
use cutover_core::plan::{BuildImage, Host, ImageRef, InstanceRef, Launch, Migrate, RecordTarget, what_is_wrong};
use cutover_core::time::{Span, earlier};
use cutover_engine::failure::Failure;
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Gate, Permit};
use cutover_engine::halt::WriteError;
use cutover_engine::ports::{Answer, Clock, World};
use cutover_hosts::command::{Ask, Command, RunAs};
use cutover_hosts::job::{Job, JobReport, JobStart, JobState};
use cutover_hosts::supervisor::{self, Order, State, Verb};
use cutover_hosts::{django, queues};
use serde_json::json;

use crate::{EmbeddedCloud, Fault, Invariant, KnownResources, SimulatedClock};

/// Two fleets on one database, classic ELBs, the live fleet's edxapp hosts in two of them.
pub(crate) fn deployment() -> Deployment {
    let group = |count: u32, prefix: &str, balancers: &[&str]| {
        json!({
            "count": count, "instance_type": "t3.large", "host_name": format!("{prefix}-{{fleet}}-{{n}}-v{{version}}"),
            "subnets": ["subnet-1"], "security_groups": ["sg-1"], "profile": "edx", "balancers": balancers,
        })
    };
    let site = |name: &str, balancer: &str, program: &str| {
        json!({
            "name": name, "host": format!("{name}.example.edu"), "balancer": balancer, "program": program,
            "check": [{ "path": "/", "contains": "Powered by Open edX" }, { "path": "/heartbeat" }],
        })
    };
    let balancer = |name: &str| json!({ "name": name, "kind": "classic", "domain": format!("{name}.elb.example") });
    let image = json!({
        "name": "app_{deployment}_{codename}_{n}", "base": "base", "repository": "https://git.example/edx-platform",
        "branch": "mitx/koa", "expected": "30m", "limit": "2h",
    });
    let mut worker_image = image.clone();
    worker_image["name"] = json!("worker_{deployment}_{codename}_{n}");
    serde_json::from_value(json!({
        "name": "qa", "cloud": "embedded",
        "release": { "codename": "koa", "version": "4", "current_version": "3", "current_codename": "juniper" },
        "window": { "start": "2021-01-04T04:00:00-05:00", "length": "4h", "notice": "2d" },
        "state": { "location": "state" },
        "maintenance_page": {
            "bucket": "upgrading", "distribution": "E1", "domain": "d1.cloudfront.example", "text": "Back at {end}.",
        },
        "dns": {
            "zone": "example.edu.", "ttl": "300s", "window_ttl": "60s", "settle": "60s", "resolvers": ["192.0.2.1"],
        },
        "site": [site("lms", "lms", "lms"), site("studio", "studio", "cms"), site("staging", "draft", "lms")],
        "balancer": [balancer("lms"), balancer("studio"), balancer("draft")],
        "fleet": [
            {
                "name": "live", "schemas": { "default": "edxapp_live" },
                "edxapp": group(3, "edx", &["lms", "studio"]), "worker": group(2, "worker", &[]),
            },
            { "name": "draft", "schemas": { "default": "edxapp_draft" }, "edxapp": group(1, "edx", &["draft"]) },
        ],
        "role": {
            "edxapp": { "image": image, "programs": ["lms", "cms", "forum"], "stop_expected": "20s" },
            "worker": { "image": worker_image, "programs": ["lms_default_4"], "stop_expected": "60s", "count_queues": ["count"] },
        },
        "database": [{ "name": "rds", "schemas": ["edxapp_live", "edxapp_draft"], "snapshot": true }],
        "migration": [
            { "service": "lms", "database": "default", "command": ["lms"], "list_command": ["lms", "list"], "expected": "10m", "limit": "1h" },
            { "service": "cms", "database": "default", "command": ["cms"], "list_command": ["cms", "list"], "expected": "2m", "limit": "1h" },
        ],
        "gate": [{ "name": "go", "before": "window", "question": "Go?", "expected": "2m" }],
    }))
    .expect("a deployment")
}

/// The same with target groups behind one domain, as an ALB has them.
pub(crate) fn deployment_with_target_groups() -> Deployment {
    let mut deployment = deployment();
    for balancer in &mut deployment.balancers {
        balancer.kind = BalancerKind::TargetGroup;
        balancer.domain = "alb.example".into();
    }
    deployment
}

/// A cloud in simulated time, and actions on it.
pub(crate) struct Rig {
    pub(crate) deployment: Deployment,
    pub(crate) clock: Rc<SimulatedClock>,
    pub(crate) cloud: Rc<EmbeddedCloud>,
    pub(crate) world: World,
    gate: Gate,
    /// How many orders were given.
    orders: Cell<u32>,
}

impl Rig {
    pub(crate) fn new(deployment: Deployment) -> Self {
        Self::with_faults(deployment, Vec::new())
    }

    pub(crate) fn with_faults(deployment: Deployment, faults: Vec<Fault>) -> Self {
        Self::with_seed(deployment, faults, 7)
    }

    /// A world that starts two days before the window.
    pub(crate) fn with_seed(deployment: Deployment, faults: Vec<Fault>, seed: u64) -> Self {
        let start = earlier(deployment.window.start.timestamp, Duration::from_secs(2 * 86_400));
        let clock = SimulatedClock::new(start);
        let mut state = EmbeddedCloud::furnish(&deployment, seed, start);
        state.faults = faults;
        let cloud = EmbeddedCloud::in_memory(state, clock.clone());
        let world = cloud.world();
        let wall = clock.clone() as Rc<dyn Clock>;
        let gate =
            Gate::alone(&wall).with_faults(Rc::clone(&cloud) as _).with_zone(ZoneFence::of(&deployment, &world, &wall));
        Self { deployment, clock, cloud, world, gate, orders: Cell::new(0) }
    }

    /// Changes something through a gate, like all code that changes the world.
    pub(crate) async fn write<T>(&self, call: impl AsyncFnOnce(&Permit) -> Answer<T>) -> Answer<T> {
        self.gate.write("by hand", call).await.map_err(WriteError::into_failure)
    }

    pub(crate) async fn change_records(&self, zone: &str, records: &[RecordTarget]) -> Answer<ChangeId> {
        self.gate.change_records(zone, records).await.map_err(WriteError::into_failure)
    }

    /// Writes the page, whatever its current version.
    pub(crate) async fn put_page(&self, bucket: &str, key: &str, body: &str) -> Answer<()> {
        let there = self.world.pages.page(bucket, key).await?.map(|page| page.version);
        self.write(async |permit| self.world.pages.put_page(permit, bucket, key, body, there.as_ref()).await).await
    }

    /// The answer of a call that must not fail.
    pub(crate) fn run<T>(&self, call: impl Future<Output = Answer<T>>) -> T {
        crate::run(&self.clock, call).expect("the call is answered")
    }

    pub(crate) fn wait(&self, seconds: u64) {
        crate::run(&self.clock, self.clock.sleep(Duration::from_secs(seconds)));
    }

    /// Checks every five seconds until it is so, for a day at most.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..17_280 {
            if holds() {
                return;
            }
            self.wait(5);
        }
        panic!("this did not become true within a day: {what}");
    }

    pub(crate) fn violated(&self) -> Vec<Invariant> {
        self.cloud.violations().into_iter().map(|violation| violation.invariant).collect()
    }

    /// The running instances of the current or the next hosts of a role.
    pub(crate) fn hosts(&self, version: &str, role: Role) -> Vec<InstanceId> {
        let instances = self.run(self.world.compute.instances());
        let of_role = instances.into_iter().filter(|host| host.lives() && host.version == version && host.role == role);
        of_role.map(|host| host.id).collect()
    }

    pub(crate) fn current(&self, role: Role) -> Vec<InstanceId> {
        self.hosts(&self.deployment.release.current_version, role)
    }

    pub(crate) fn next(&self, role: Role) -> Vec<InstanceId> {
        self.hosts(&self.deployment.release.version, role)
    }

    fn members_of_fleet(&self, version: &str, fleet: &Fleet) -> Vec<InstanceId> {
        let instances = self.run(self.world.compute.instances());
        let of_fleet = instances.into_iter().filter(|host| host.lives() && host.fleet == fleet.name);
        of_fleet.filter(|host| host.version == version && host.role == Role::Edxapp).map(|host| host.id).collect()
    }

    pub(crate) fn programs(&self, role: Role) -> Vec<ProgramName> {
        self.deployment.role.services(role).expect("the role").programs.clone()
    }

    /// Points all sites at targets, and waits until all visitors must have noticed.
    pub(crate) fn point(&self, ttl: Span, target: impl Fn(&Site) -> DnsName) {
        let record = |site: &Site| RecordTarget { name: site.host.clone(), target: target(site), ttl: ttl.duration() };
        let records: Vec<RecordTarget> = self.deployment.sites.iter().map(record).collect();
        let change = self.run(self.change_records(&self.deployment.dns.zone, &records));
        self.until("in sync", || self.run(self.world.dns.in_sync(&change)));
        let dns = &self.deployment.dns;
        self.wait(dns.ttl.duration().as_secs() + dns.settle.duration().as_secs());
    }

    pub(crate) fn domain(&self, site: &Site) -> DnsName {
        self.deployment.balancer(&site.balancer).expect("the balancer").domain.clone()
    }

    pub(crate) fn put_page_up(&self) {
        self.point(self.deployment.dns.window_ttl, |_| self.deployment.maintenance_page.domain.clone());
    }

    pub(crate) fn lift_page(&self) {
        self.point(self.deployment.dns.window_ttl, |site| self.domain(site));
    }

    fn supervisorctl(&self) -> &str {
        &self.deployment.role.edxapp.supervisorctl
    }

    /// The states of programs on a host, in the order in which they were asked for.
    pub(crate) async fn states(&self, host: &InstanceId, programs: &[ProgramName]) -> Answer<Vec<State>> {
        let said = self.world.hosts.ask(host, &supervisor::ask(self.supervisorctl(), programs)).await?;
        let states = supervisor::read(programs, &said).map_err(|why| Failure::permanent(why.to_string()))?;
        Ok(programs.iter().map(|program| states[program].state).collect())
    }

    /// Gives a host's supervisor an order, whose job has a name of its own.
    pub(crate) async fn order(&self, host: &InstanceId, verb: Verb, programs: &[ProgramName]) -> Answer<JobName> {
        let order = Order {
            verb,
            supervisorctl: self.supervisorctl().to_owned(),
            programs: programs.to_vec(),
            left: Vec::new(),
        };
        let name = JobName::from(format!("order-{}", self.orders.replace(self.orders.get() + 1)));
        let job = Job::new(name.clone(), order.command());
        self.write(async |permit| self.world.hosts.start_job(permit, host, &job).await).await?;
        Ok(name)
    }

    pub(crate) fn stop(&self, hosts: &[InstanceId], role: Role) {
        let programs = self.programs(role);
        for host in hosts {
            self.run(self.order(host, Verb::Stop, &programs));
        }
        self.until("stopped", || hosts.iter().all(|host| self.all_are(host, &programs, State::Stopped)));
    }

    pub(crate) fn start(&self, hosts: &[InstanceId], role: Role) {
        let programs = self.programs(role);
        for host in hosts {
            self.run(self.order(host, Verb::Start, &programs));
        }
        self.until("running", || hosts.iter().all(|host| self.all_are(host, &programs, State::Running)));
    }

    fn all_are(&self, host: &InstanceId, programs: &[ProgramName], state: State) -> bool {
        self.run(self.states(host, programs)).iter().all(|found| *found == state)
    }

    /// The number of tasks that wait in the queues of the fleet of a host.
    pub(crate) async fn queued_tasks(&self, host: &InstanceId) -> Answer<u64> {
        let said = self.world.hosts.ask(host, &Ask::new(Command::as_root(["count"]))).await?;
        queues::count(&said).map_err(|why| Failure::permanent(why.to_string()))
    }

    /// The number of pending migrations, as their list command shows them.
    pub(crate) async fn pending(&self, host: &InstanceId, migrate: &Migrate) -> Answer<usize> {
        let said = self.world.hosts.ask(host, &Ask::new(of_service(&migrate.list_command, migrate))).await?;
        django::pending(&said).map(|pending| pending.len()).map_err(|why| Failure::permanent(why.to_string()))
    }

    /// Starts a migration.
    pub(crate) async fn begin(&self, host: &InstanceId, migrate: &Migrate) -> Answer<JobStart> {
        let job = Job::new(migrate.job.clone(), of_service(&migrate.command, migrate));
        self.write(async |permit| self.world.hosts.start_job(permit, host, &job).await).await
    }

    pub(crate) fn stop_current(&self) {
        for role in Role::ALL {
            self.stop(&self.current(role), role);
        }
    }

    pub(crate) fn start_next(&self) {
        for role in Role::ALL {
            self.start(&self.next(role), role);
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<SnapshotId> {
        let mut ids = Vec::new();
        for database in self.deployment.databases.iter().filter(|database| database.snapshot) {
            let id = SnapshotId::from(format!("upgrade-{}", database.name));
            self.run(self.write(async |permit| self.world.databases.begin_snapshot(permit, &database.name, &id).await));
            let taken = || self.run(self.world.databases.snapshot(&database.name, &id));
            self.until("snapshot", || taken().is_some_and(|snapshot| snapshot.available));
            ids.push(id);
        }
        ids
    }

    /// A migration as a plan would have it, on a next host of the fleet.
    pub(crate) fn migration(&self, fleet: &Fleet, migration: &Migration) -> (InstanceId, Migrate) {
        let hosts = self.members_of_fleet(&self.deployment.release.version, fleet);
        let host = hosts.first().expect("a next host").clone();
        let schema = fleet.schemas[&migration.database].clone();
        let instance = self.deployment.database_of(&schema).expect("a database").name.clone();
        let migrate = Migrate {
            job: format!("{}-{}-{}", fleet.name, migration.service, migration.database).into(),
            host: Host { name: "".into(), instance: InstanceRef::Known(host.clone()) },
            fleet: fleet.name.clone(),
            service: migration.service.clone(),
            database: migration.database.clone(),
            schema,
            instance,
            command: migration.locked_command(),
            sequence: None,
            is_locked: false,
            list_command: migration.list_command.clone(),
            sql_command: Vec::new(),
            schema_command: Vec::new(),
            directory: migration.directory.clone(),
            user: migration.user.clone(),
            warn_after: None,
            past_limit: migration.past_limit,
            backward_compatible: migration.backward_compatible,
        };
        (host, migrate)
    }

    /// The first migration of the first fleet.
    pub(crate) fn first_migration(&self) -> (InstanceId, Migrate) {
        self.migration(&self.deployment.fleets[0], &self.deployment.migrations[0])
    }

    pub(crate) fn job(&self, host: &InstanceId, job: &JobName) -> JobReport {
        self.run(self.world.hosts.job(host, job, 0)).expect("the job was started")
    }

    pub(crate) fn migrate(&self) {
        for fleet in &self.deployment.fleets {
            for migration in self.deployment.migrations_of(fleet) {
                let (host, migrate) = self.migration(fleet, migration);
                self.run(self.begin(&host, &migrate));
                self.until("migrated", || self.job(&host, &migrate.job).state != JobState::Running);
                assert!(matches!(self.job(&host, &migrate.job).state, JobState::Ended { exit: 0, .. }));
            }
        }
    }

    pub(crate) fn build_image(&self, role: Role) -> ImageId {
        let build = BuildImage {
            name: format!("{role}-new").into(),
            role,
            base: "base".to_owned(),
            repository: "https://git.example/edx-platform".to_owned(),
            branch: "mitx/koa".to_owned(),
            commit: None,
            builder: None,
            packer: None,
            tags: [("release-version".to_owned(), self.deployment.release.version.clone())].into(),
        };
        let id = self.run(self.write(async |permit| self.world.images.build(permit, &build).await));
        let available = || self.run(self.world.images.images()).iter().any(|image| image.id == id && image.available);
        self.until("built", available);
        id
    }

    /// The launch of a next host.
    pub(crate) fn launch(&self, fleet: &Fleet, role: Role, n: u32) -> Launch {
        let group = fleet.groups().find(|(of, _)| *of == role).expect("the group").1;
        let version = &self.deployment.release.version;
        let upgrade = self.deployment.upgrade();
        let tags = [("release-version", version.as_str()), ("cutover-upgrade", upgrade.as_str())];
        Launch {
            name: group.host_name(self.deployment.name.as_str(), &fleet.name, n, version),
            fleet: fleet.name.clone(),
            role,
            image: ImageRef::Known("".into()),
            instance_type: group.instance_type.clone(),
            subnet: group.subnets[0].clone(),
            security_groups: group.security_groups.clone(),
            profile: group.profile.clone(),
            tags: tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            boot_stopped: role == Role::Worker,
            generation: 1,
        }
    }

    /// Builds images, and launches next hosts with stopped workers.
    pub(crate) fn launch_next(&self) {
        for role in Role::ALL {
            let image = self.build_image(role);
            for fleet in &self.deployment.fleets {
                let count = fleet.groups().find(|(of, _)| *of == role).map_or(0, |(_, group)| group.count);
                for n in 0..count {
                    let launch = self.launch(fleet, role, n);
                    self.run(self.write(async |permit| {
                        self.world.compute.launch(permit, &launch, &image, launch.name.as_str()).await
                    }));
                }
            }
        }
        self.wait(2 * self.deployment.expected.boot.duration().as_secs());
    }

    /// Everything before the window: TTLs lowered, next hosts up and stopped.
    pub(crate) fn prepare(&self) {
        self.point(self.deployment.dns.window_ttl, |site| self.domain(site));
        self.launch_next();
        self.stop(&self.next(Role::Edxapp), Role::Edxapp);
    }

    pub(crate) fn register_next(&self) {
        for (name, hosts) in self.memberships(&self.deployment.release.version) {
            self.run(self.write(async |permit| self.world.balancers.register(permit, &name, &hosts).await));
        }
        self.until("in service", || {
            self.memberships(&self.deployment.release.version).iter().all(|(name, hosts)| {
                let health = self.run(self.world.balancers.health(name));
                hosts.iter().all(|host| health.get(host) == Some(&Health::InService))
            })
        });
    }

    pub(crate) fn deregister_current(&self) {
        for (name, hosts) in self.memberships(&self.deployment.release.current_version) {
            self.run(self.write(async |permit| self.world.balancers.deregister(permit, &name, &hosts).await));
        }
    }

    fn memberships(&self, version: &str) -> Vec<(BalancerName, Vec<InstanceId>)> {
        let fleets = self.deployment.fleets.iter();
        let memberships = fleets.flat_map(|fleet| {
            let hosts = self.members_of_fleet(version, fleet);
            fleet.edxapp.balancers.iter().map(move |balancer| (balancer.clone(), hosts.clone()))
        });
        memberships.collect()
    }

    pub(crate) fn verify(&self) {
        for site in &self.deployment.sites {
            for check in &site.checks {
                let page = self.run(self.world.outside.fetch(&site.host, &check.path, Some(&self.domain(site))));
                let check = check.of_release(&self.deployment.release);
                assert_eq!(what_is_wrong(&check, page.status, &page.body), None, "{}", site.host);
            }
        }
    }

    /// The actions of the window, in the right order.
    pub(crate) fn window(&self) {
        self.put_page_up();
        self.stop_current();
        self.snapshot();
        self.migrate();
        self.start_next();
        self.register_next();
        self.deregister_current();
        self.verify();
        self.lift_page();
    }

    /// After the window: terminates drained current hosts, and restores TTLs.
    pub(crate) fn retire(&self) {
        self.wait(self.deployment.embedded.draining.duration().as_secs());
        for role in Role::ALL {
            for host in self.current(role) {
                self.run(self.write(async |permit| self.world.compute.terminate(permit, &host).await));
            }
        }
        self.point(self.deployment.dns.ttl, |site| self.domain(site));
    }

    /// Everything that the actions above have made.
    pub(crate) fn known(&self) -> KnownResources {
        let next = Role::ALL.into_iter().flat_map(|role| self.next(role)).collect();
        let images = self.run(self.world.images.images()).into_iter().map(|image| image.id).collect();
        let names = self.deployment.databases.iter().map(|database| database.name.clone()).collect::<Vec<_>>();
        let databases = self.run(self.world.databases.databases(&names));
        let snapshots = databases.into_values().flat_map(|database| database.snapshots).map(|snapshot| snapshot.id);
        KnownResources { instances: next, images, snapshots: snapshots.collect(), ..KnownResources::default() }
    }
}

/// A command in the folder of a migration, as its user.
fn of_service(arguments: &[String], migrate: &Migrate) -> Command {
    Command {
        run_as: RunAs::User(migrate.user.clone()),
        directory: Some(migrate.directory.clone()),
        ..Command::new(arguments.iter().cloned())
    }
}
