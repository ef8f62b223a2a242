//! A deployment with everything that it needs, before its upgrade.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cutover_rig::{Host, Kind, Machines};
use jiff::Timestamp;

use super::addresses::Addresses;
use super::deployment::{BRANCH, BUCKET, Deployment, ZONE, schemas};
use super::pace::Pace;
use super::program::{FILE, Program};
use super::world::World;
use super::zones::zones;
use crate::account::{Furniture, Moto, Server};
use crate::effects::{Effects, Health};
use crate::fork::{Forge, Fork};
use crate::servers::{
    Authority, Balancer, Balancers, Broker, Checks, Database, Edge, NameServers, Page, Resolver, Room,
};
use crate::site::{Fleet, Role};
use crate::visitors::{Habit, Visit, Visitors, header_at};
use crate::waiting::until;

/// How long all current hosts may take to boot and to get into service on a busy computer.
const START: Duration = Duration::from_secs(120);

/// A deployment before its upgrade. Everything ends with this.
pub struct Stage {
    deployment: Deployment,
    visit: Visit,
    // In the order in which they end.
    program: Program,
    /// The repositories, if images are built from them.
    fork: Option<(Fork, Forge)>,
    server: Server,
    moto: Moto,
    world: Arc<World>,
    database: Database,
    _edge: Edge,
    _resolver: Resolver,
    _broker: Broker,
}

impl Stage {
    /// Makes one, with all its hosts in service. `CUTOVER_HOSTS` names their kind.
    ///
    /// # Panics
    /// When a part of it does not start.
    #[must_use]
    pub fn furnish(deployment: Deployment) -> Self {
        let machines = Machines::chosen();
        let deployment = deployment.of_kind(machines.kind());
        let furniture = deployment.furniture(&format!("{}/24", machines.address(0)));
        let at = Addresses::take(&machines, furniture.balancers.iter().map(|one| &one.name));
        let (room, authority) = (Room::new(), Authority::new());
        let certificate = authority.issue(&deployment.sites());

        // These two take most of the time.
        let (moto, database) = thread::scope(|scope| {
            let database = scope.spawn(|| Database::start(&room, &at.database));
            (Moto::with(&furniture), database.join().expect("MariaDB starts"))
        });
        let facts = moto.facts();
        let broker = Broker::start(&room, &at.broker);
        let names = NameServers::start(&room, &at.names, &zones(ZONE, &moto.records(), facts, &at));
        let resolver = Resolver::start(&room, &at.resolver, names.addresses(), names.zones());
        let balancers = Balancers::start(&room, &balancers(&furniture, deployment.pace, &at, &certificate));
        let s3 = facts.endpoint.trim_start_matches("http://").parse().expect("an address");
        let page = Page { s3, bucket: BUCKET.to_owned(), key: "index.html".to_owned() };
        let edge = Edge::start(&room, &at.edge, &certificate, &page);

        let fleets = fleets(&deployment, &database, &broker);
        let world = Arc::new(World::new(machines, fleets, balancers, names, deployment.pace));
        serve(
            &world,
            &furniture,
            facts.hosts.iter().map(|(name, one)| (name.as_str(), one.id.as_str(), one.address.as_str())),
        );

        if deployment.has_fakes() {
            let add = |fleet: &super::FleetSize| database.query(&INDEX.replace("SCHEMA", &schemas(fleet.name)[1]));
            deployment.fleets.iter().for_each(|fleet| drop(add(fleet)));
        }
        let server = Server::before(&facts.endpoint, Arc::clone(&world) as Arc<dyn Effects>);
        let operator = world.machines().operator();
        let _ = operator.config("operator", &format!("Port {}", world.machines().kind().port()), &[]);
        let fork = deployment.builds_images().then(|| {
            let fork = Fork::make(operator.path());
            let forge = Forge::start(&at.forge, &fork.bare());
            (fork, forge)
        });
        let program = Program::new(operator.path(), server.endpoint(), resolver.address(), authority.pem());
        let visit = Visit {
            sites: deployment.sites(),
            habits: Habit::USUAL.to_vec(),
            resolver: resolver.address().to_owned(),
            authority: authority.pem().to_owned(),
            releases: ["1", "2"].map(str::to_owned),
            pause: Duration::from_millis(200),
        };
        Self {
            deployment,
            visit,
            program,
            fork,
            server,
            moto,
            world,
            database,
            _edge: edge,
            _resolver: resolver,
            _broker: broker,
        }
    }

    /// Writes the deployment file, with a window that starts in so many seconds.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn plan_window(&self, in_seconds: i64) {
        let start = Timestamp::from_second(Timestamp::now().as_second() + in_seconds).expect("a time");
        let repository = self.fork.as_ref().map(|(_, forge)| forge.repository()).unwrap_or_default();
        let start = start.to_string();
        let file = self.deployment.file(self.moto.facts(), self.kind(), &start, &self.visit.resolver, &repository);
        std::fs::write(self.file(), file).expect("written");
    }

    /// Somebody edits the deployment file.
    ///
    /// # Panics
    /// When it has no such text.
    pub fn edit(&self, text: &str, other: &str) {
        let file = std::fs::read_to_string(self.file()).expect("it is there");
        assert!(file.contains(text), "the file has no {text:?}");
        std::fs::write(self.file(), file.replace(text, other)).expect("written");
    }

    fn file(&self) -> PathBuf {
        self.world.machines().operator().path().join(FILE)
    }

    /// The commit of the release branch on the team's fork, once it is published.
    #[must_use]
    pub fn published(&self) -> Option<String> {
        self.fork.as_ref()?.0.published(BRANCH)
    }

    /// The subjects of the patches in the release branch on the team's fork.
    #[must_use]
    pub fn patches(&self) -> Vec<String> {
        self.fork.as_ref().map(|(fork, _)| fork.patches(BRANCH)).unwrap_or_default()
    }

    /// What its hosts are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.world.machines().kind()
    }

    /// What is upgraded.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The program of the operator.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The account itself.
    #[must_use]
    pub fn moto(&self) -> &Moto {
        &self.moto
    }

    /// Hosts, balancers and name servers.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The database server.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// From now on, the account shows consoles so long after the launch of their instances.
    pub fn show_consoles_after(&self, launch: Duration) {
        self.server.show_consoles_after(launch);
    }

    /// Somebody terminates an instance in the account.
    ///
    /// # Panics
    /// When the account refuses.
    pub fn terminate(&self, instance: &str) {
        self.server.terminate(instance);
    }

    /// Students of each fleet that has workers submit answers, which take a worker so many seconds each. Returns how many.
    ///
    /// # Panics
    /// When the site does not take them.
    pub fn submit(&self, seconds: &[u32]) -> usize {
        let with_workers = self.deployment.fleets.iter().filter(|fleet| fleet.workers > 0);
        let hosts: Vec<_> = with_workers.map(|fleet| self.deployment.current_host(fleet.name)).collect();
        for host in &hosts {
            let instance = &self.moto.facts().hosts[host].id;
            let submit = |seconds: &u32| {
                let form = format!("student=ada&text=answer&seconds={seconds}");
                let script =
                    format!("import urllib.request as r; r.urlopen('http://localhost:8000/submit', b'{form}')");
                self.world.with_host(instance, |host| host.furnish(&format!("python3 -c \"{script}\"")));
            };
            seconds.iter().for_each(submit);
        }
        hosts.len() * seconds.len()
    }

    /// How many answers a worker has graded.
    ///
    /// # Panics
    /// When the database does not tell.
    #[must_use]
    pub fn graded(&self) -> usize {
        let of = |fleet: &super::FleetSize| {
            let [_, schema] = schemas(fleet.name);
            let count = self.database.query(&format!("select count(*) from `{schema}`.history_answer where graded"));
            count.parse::<usize>().expect("a number")
        };
        self.deployment.fleets.iter().map(of).sum()
    }

    /// What a site says to a tester at an address in a header.
    ///
    /// # Errors
    /// Why it says nothing there.
    pub fn header_at(&self, site: &str, address: &str, header: &str) -> Result<String, String> {
        header_at(&self.visit.authority, site, address, header)
    }

    /// Visitors come.
    #[must_use]
    pub fn visitors(&self) -> Visitors {
        Visitors::come(&self.visit)
    }
}

fn balancers(furniture: &Furniture, pace: Pace, at: &Addresses, certificate: &str) -> Vec<Balancer> {
    let hosts: BTreeMap<&str, &str> =
        furniture.sites.iter().map(|site| (site.balancer.as_str(), site.host.as_str())).collect();
    let balancer = |one: &crate::account::Balancer| Balancer {
        name: one.name.clone(),
        address: at.balancers[&one.name].clone(),
        certificate: certificate.to_owned(),
        checks: Checks {
            path: "/heartbeat".to_owned(),
            host: hosts[one.name.as_str()].to_owned(),
            interval: pace.checks,
            healthy: one.healthy,
            unhealthy: one.unhealthy,
        },
    };
    furniture.balancers.iter().map(balancer).collect()
}

/// The fleets, whose schemas are made.
fn fleets(deployment: &Deployment, database: &Database, broker: &Broker) -> Vec<Fleet> {
    let fleet = |(queues, size): (u8, &super::FleetSize)| {
        let [schema, history_schema] = schemas(size.name);
        let (user, password) = (format!("edxapp_{}", size.name), "secret".to_owned());
        database.add_schema(&schema, &user, &password);
        database.add_schema(&history_schema, &user, &password);
        Fleet {
            name: size.name.to_owned(),
            database: database.address().to_owned(),
            schema,
            history_schema,
            user,
            password,
            broker: broker.address().to_owned(),
            queues,
            runs_all_programs: deployment.runs_all_programs(),
        }
    };
    (0..).zip(&deployment.fleets).map(fleet).collect()
}

/// Boots the current hosts, makes the tables of their release, and waits until all balancers have them in service.
fn serve<'a>(world: &World, furniture: &Furniture, hosts: impl Iterator<Item = (&'a str, &'a str, &'a str)>) {
    let hosts: BTreeMap<&str, (&str, &str)> = hosts.map(|(name, id, address)| (name, (id, address))).collect();
    for host in &furniture.hosts {
        let (instance, address) = hosts[host.name.as_str()];
        let role = if host.role == "worker" { Role::Worker } else { Role::Edxapp };
        world.boot_current(instance, address, &host.fleet, role);
    }
    for host in &furniture.hosts {
        let (instance, _) = hosts[host.name.as_str()];
        let booted = until(START, || world.has_booted(instance).then_some(()));
        assert!(booted.is_some(), "{} does not boot", host.name);
        // Its checks ask for no tables.
        host.balancers.iter().for_each(|balancer| world.register(balancer, &[instance.to_owned()]));
        if host.role == "edxapp" {
            world.with_host(instance, |host| host.furnish(FIRST_MIGRATIONS));
        }
    }
    let is_served = |name: &String| {
        let members = world.members(name);
        !members.is_empty() && members.iter().all(|(_, health)| *health == Health::InService)
    };
    let all = || furniture.balancers.iter().all(|balancer| is_served(&balancer.name));
    assert!(until(START, || all().then_some(())).is_some(), "the current hosts do not get into service");
}

/// Adds what a migration of the second release would add.
const INDEX: &str = "create index answer_student on `SCHEMA`.history_answer (student)";

/// Makes the tables of the first release.
const FIRST_MIGRATIONS: &str = "cd /edx/app/edxapp/edx-platform\n\
     migrate() { sudo -u edxapp /edx/bin/python.edxapp manage.py lms migrate --database $1 --noinput --settings=production; }\n\
     migrate default & other=$!\n\
     migrate student_module_history && wait $other\n";
