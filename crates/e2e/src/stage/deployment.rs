//! What is upgraded: a campus with a fleet for its courses and one for drafts, as Open edX has them; and the deployment file that
//! describes it.

use std::collections::{BTreeMap, BTreeSet};

use cutover_rig::Kind;

use super::pace::Pace;
use crate::account::{Balancer, Facts, Furniture, Host, Release, Site};
use crate::fork::REPOSITORY;

/// The name of the deployment.
const NAME: &str = "campus";
/// Its zone.
pub(super) const ZONE: &str = "campus.test";
/// The bucket with its maintenance page.
pub const BUCKET: &str = "upgrading.campus.test";
const PROFILE: &str = "edx-instance-role";
const DATABASE: &str = "campus-mysql";

/// How many hosts of each role a fleet has, before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetSize {
    /// `live` or `draft`.
    pub name: &'static str,
    /// Hosts that answer visitors.
    pub edxapp: usize,
    /// Hosts that run tasks.
    pub workers: usize,
}

/// A deployment, and the upgrade that is planned for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Its fleets.
    pub fleets: Vec<FleetSize>,
    /// How long its parts take.
    pub(super) pace: Pace,
    /// Whether the file's command names all sessions on the database, and not only those of the site. Those of root are often a
    /// test's own, which lets a migration wait.
    names_all_sessions: bool,
    /// Whether the images of the next release are built in the run, and do not exist beforehand.
    builds_images: bool,
}

/// A site and who serves it.
struct Served {
    name: &'static str,
    fleet: &'static str,
    program: &'static str,
    kind: &'static str,
}

/// All sites, each with a balancer of its own.
const SITES: [Served; 3] = [
    Served { name: "lms", fleet: "live", program: "lms", kind: "classic" },
    Served { name: "studio", fleet: "live", program: "cms", kind: "classic" },
    Served { name: "staging", fleet: "draft", program: "lms", kind: "target-group" },
];

impl Served {
    fn host(&self) -> String {
        format!("{}.{ZONE}", self.name)
    }

    fn balancer(&self) -> String {
        format!("{NAME}-{}", self.name)
    }
}

impl Deployment {
    /// Two fleets, each with a host that answers visitors and one that runs tasks, whose images are built.
    #[must_use]
    pub fn whole() -> Self {
        let fleets = ["live", "draft"].map(|name| FleetSize { name, edxapp: 1, workers: 1 }).to_vec();
        Self { fleets, pace: Pace::USUAL, names_all_sessions: true, builds_images: true }
    }

    /// One fleet with one host, which runs `lms` alone, for a bad day. Its image exists beforehand.
    #[must_use]
    pub fn small() -> Self {
        let fleets = vec![FleetSize { name: "live", edxapp: 1, workers: 0 }];
        Self { fleets, pace: Pace::QUICK, names_all_sessions: false, builds_images: false }
    }

    /// The same whose file names all sessions on the database.
    #[must_use]
    pub fn naming_all_sessions(self) -> Self {
        Self { names_all_sessions: true, ..self }
    }

    /// The same whose images are built in the run.
    #[must_use]
    pub fn building_images(self) -> Self {
        Self { builds_images: true, ..self }
    }

    /// The same for that kind of hosts: plain ones cannot be stopped and made an image of, so images exist beforehand.
    pub(super) fn of_kind(self, kind: Kind) -> Self {
        Self { builds_images: self.builds_images && kind == Kind::Booted, ..self }
    }

    /// Whether the images of the next release are built in the run.
    #[must_use]
    pub fn builds_images(&self) -> bool {
        self.builds_images
    }

    /// How many hosts there are before the upgrade, and as many after it.
    #[must_use]
    pub fn hosts(&self) -> usize {
        self.fleets.iter().map(|fleet| fleet.edxapp + fleet.workers).sum()
    }

    /// The host names of the sites.
    #[must_use]
    pub fn sites(&self) -> Vec<String> {
        self.served().map(Served::host).collect()
    }

    fn served(&self) -> impl Iterator<Item = &'static Served> {
        SITES.iter().filter(|site| self.fleets.iter().any(|fleet| fleet.name == site.fleet) && self.runs(site.program))
    }

    /// Whether its hosts run a program. On a bad day, they run `lms` alone, which needs less of this computer.
    fn runs(&self, program: &str) -> bool {
        self.runs_all_programs() || program == "lms"
    }

    /// Whether its hosts run all programs of the site.
    pub(super) fn runs_all_programs(&self) -> bool {
        self.pace == Pace::USUAL
    }

    /// The roles of its hosts.
    #[must_use]
    pub fn roles(&self) -> BTreeSet<&'static str> {
        ["edxapp", "worker"].into_iter().take(if self.has_workers() { 2 } else { 1 }).collect()
    }

    fn has_workers(&self) -> bool {
        self.fleets.iter().any(|fleet| fleet.workers > 0)
    }

    /// The names of the hosts of a release, as the file's patterns make them.
    #[must_use]
    pub fn host_names(&self, version: &str) -> Vec<String> {
        self.current_hosts().into_iter().map(|host| host.name.replace("-v3", &format!("-v{version}"))).collect()
    }

    /// The name of a fleet's first current host that answers visitors.
    pub(super) fn current_host(&self, fleet: &str) -> String {
        let hosts = self.current_hosts().into_iter();
        hosts.filter(|host| host.fleet == fleet).map(|host| host.name).next().expect("each fleet has one")
    }

    /// The balancers of a fleet's hosts that answer visitors.
    fn balancers_of(&self, fleet: &str) -> Vec<String> {
        self.served().filter(|site| site.fleet == fleet).map(Served::balancer).collect()
    }

    fn current_hosts(&self) -> Vec<Host> {
        let host = |fleet: &FleetSize, role: &str, prefix: &str, number: usize| Host {
            name: format!("{prefix}-{NAME}-{}-{number}-v3", fleet.name),
            role: role.to_owned(),
            fleet: fleet.name.to_owned(),
            balancers: if role == "edxapp" { self.balancers_of(fleet.name) } else { Vec::new() },
        };
        let of_fleet = |fleet: &FleetSize| {
            let edxapp = (0..fleet.edxapp).map(|number| host(fleet, "edxapp", "edx", number));
            let workers = (0..fleet.workers).map(|number| host(fleet, "worker", "edx-worker", number));
            edxapp.chain(workers).collect::<Vec<_>>()
        };
        self.fleets.iter().flat_map(of_fleet).collect()
    }

    /// What the account has before the upgrade. `network` is that of the hosts, such as `10.213.7.0/24`.
    #[must_use]
    pub fn furniture(&self, network: &str) -> Furniture {
        let release =
            |codename: &str, version: &str| Release { codename: codename.to_owned(), version: version.to_owned() };
        let balancer = |site: &Served| Balancer {
            name: site.balancer(),
            kind: site.kind.to_owned(),
            interval: 5,
            healthy: 2,
            unhealthy: 2,
            draining: 5,
        };
        let image_names: BTreeMap<_, _> = self
            .roles()
            .into_iter()
            .map(|role| (role.to_owned(), image_pattern(role).replace("{deployment}", NAME).replace("{n}", "1")))
            .collect();
        Furniture {
            name: NAME.to_owned(),
            network: network.to_owned(),
            current: release("juniper", "3"),
            next: (!self.builds_images).then(|| release("koa", "4")),
            image_names,
            hosts: self.current_hosts(),
            profile: PROFILE.to_owned(),
            balancers: self.served().map(balancer).collect(),
            sites: self.served().map(|site| Site { host: site.host(), balancer: site.balancer() }).collect(),
            zone: ZONE.to_owned(),
            ttl: self.pace.ttl,
            bucket: BUCKET.to_owned(),
            database: DATABASE.to_owned(),
        }
    }

    /// The deployment file for hosts of that kind. The window starts at `start`, such as `2026-11-30T04:00:00Z`. If images are built,
    /// builders find the code in `repository`.
    #[must_use]
    pub fn file(&self, facts: &Facts, kind: Kind, start: &str, resolver: &str, repository: &str) -> String {
        let head = include_str!("head.toml")
            .replace("START", start)
            .replace("RESOLVER", resolver)
            .replace("USUAL_TTL", &self.pace.ttl.to_string())
            .replace("WINDOW_TTL", &self.pace.window_ttl.to_string())
            .replace("SETTLE", &self.pace.settle.to_string())
            .replace("DISTRIBUTION_DOMAIN", &facts.distribution_domain)
            .replace("DISTRIBUTION", &facts.distribution);
        let sites: String = self.served().map(|site| site_section(site, facts)).collect();
        let fleets: String = self.fleets.iter().map(|fleet| self.fleet_section(fleet, facts)).collect();
        let schemas: Vec<String> = self.fleets.iter().flat_map(|fleet| schemas(fleet.name)).map(quoted).collect();
        let database = format!("\n[[database]]\nname = \"{DATABASE}\"\nschemas = [{}]\n", schemas.join(", "));
        let workers = if self.has_workers() { include_str!("worker.toml") } else { "" };
        let roles = self.role_sections(kind, &[include_str!("edxapp.toml"), workers].concat());
        let roles = if self.builds_images { self.built(&roles, facts, repository) } else { roles };
        [head, sites, fleets, roles, database, self.steps()].concat()
    }

    /// The sections of roles whose images are built, and of the release branch.
    fn built(&self, roles: &str, facts: &Facts, repository: &str) -> String {
        let builder = |role: &str| {
            let text = include_str!("builder.toml").replace("ROLE", role);
            text.replace("SUBNET", &facts.subnet).replace("GROUP", &facts.security_group)
        };
        let workers = if self.has_workers() { builder("worker") } else { String::new() };
        let roles = roles.replace(NO_REPOSITORY, repository).replace(NO_BASE, BASE).replace(LONG_BUILD, BUILD);
        let branches = include_str!("branches.toml").replace("CLONE", REPOSITORY);
        [roles, builder("edxapp"), workers, branches].concat()
    }

    fn fleet_section(&self, fleet: &FleetSize, facts: &Facts) -> String {
        let [default, history] = schemas(fleet.name);
        let group = |role: &str, prefix: &str, count: usize| {
            format!(
                "[fleet.{role}]\ncount = {count}\ninstance_type = \"t3.large\"\n\
                 host_name = \"{prefix}-{{deployment}}-{{fleet}}-{{n}}-v{{version}}\"\nsubnets = [\"{}\"]\n\
                 security_groups = [\"{}\"]\nprofile = \"{PROFILE}\"\n",
                facts.subnet, facts.security_group
            )
        };
        let balancers: Vec<String> = self.balancers_of(fleet.name).into_iter().map(quoted).collect();
        let edxapp = group("edxapp", "edx", fleet.edxapp) + &format!("balancers = [{}]\n", balancers.join(", "));
        let workers = if fleet.workers > 0 { group("worker", "edx-worker", fleet.workers) } else { String::new() };
        format!(
            "\n[[fleet]]\nname = \"{}\"\n[fleet.schemas]\ndefault = \"{default}\"\nstudent_module_history = \"{history}\"\n\
             {edxapp}{workers}",
            fleet.name
        )
    }

    /// The sections of steps. On a bad day, cms has nothing to migrate and lms nothing to fake, nothing is written to see that this
    /// works, no rows are counted, and nobody watches the new site.
    fn steps(&self) -> String {
        const LONG: [&str; 3] = ["\nservice = \"cms\"\n", "[[write_check]]", "[soak]"];
        const LONG_LINES: [&str; 3] = ["fake = ", "count_rows_command = ", "tables = "];
        let mut text = include_str!("steps.toml").to_owned();
        if !self.names_all_sessions {
            text = text.replacen(ALL_SESSIONS, SESSIONS_OF_SITE, 1);
        }
        if self.has_fakes() {
            return text;
        }
        let is_short = |section: &&str| !LONG.iter().any(|long| section.contains(long));
        let sections: String = text.split_inclusive("\n\n").filter(is_short).collect();
        let is_short = |line: &&str| !LONG_LINES.iter().any(|long| line.starts_with(long));
        sections.split_inclusive('\n').filter(is_short).collect()
    }

    /// Whether the index of the next release's history is there before its migration, which is faked then.
    pub(super) fn has_fakes(&self) -> bool {
        self.pace == Pace::USUAL
    }

    /// The sections of roles. Plain hosts have no systemd, and on a bad day nothing else that has to be stopped there.
    fn role_sections(&self, kind: Kind, text: &str) -> String {
        let has_systemd = kind == Kind::Booted && self.pace == Pace::USUAL;
        let counts = self.pace == Pace::USUAL;
        let is_kept = |line: &&str| {
            (has_systemd || !line.contains("\"systemctl\"")) && (counts || !line.starts_with("count_requests"))
        };
        let text = match self.runs_all_programs() {
            true => text.to_owned(),
            false => text.replacen(ALL_PROGRAMS, r#"["lms"]"#, 1).replacen(ALL_ANSWERS, "", 1),
        };
        let kept: String = text.lines().filter(is_kept).map(|line| format!("{line}\n")).collect();
        kept.replace("STEADY", &self.pace.steady.to_string())
    }
}

/// The programs of a host that answers visitors, and the addresses that answer there besides that of `lms`.
const ALL_PROGRAMS: &str = r#"["lms", "cms", "xqueue"]"#;
const ALL_ANSWERS: &str = r#", "http://localhost:8010/heartbeat", "localhost:18040""#;

/// What the file says of images that exist beforehand, and of those that are built.
const NO_REPOSITORY: &str = "https://github.com/example/edx-platform";
const NO_BASE: &str = "base = \"debian-12\"\n";
const BASE: &str = "base = \"debian-12-amd64-*\"\nbase_owner = \"136693071363\"\n";
const LONG_BUILD: &str = "expected = \"1h\"\n";
const BUILD: &str = "expected = \"45s\"\n";

/// The release branch of the team's, from which images are built.
pub const BRANCH: &str = "campus/koa";

/// The command that names all sessions on the database, and one that leaves out those of root.
const ALL_SESSIONS: &str = r#"["/edx/bin/database-sessions", "/edx/etc/mariadb.cnf"]"#;
const SESSIONS_OF_SITE: &str = r#"["/edx/bin/python.edxapp", "manage.py", "lms", "sessions", "--settings=production"]"#;

/// The schemas of a fleet: those of the databases `default` and `student_module_history`.
pub(super) fn schemas(fleet: &str) -> [String; 2] {
    [format!("edxapp_{fleet}"), format!("edxapp_csmh_{fleet}")]
}

fn image_pattern(role: &str) -> String {
    format!("{role}_{{deployment}}_{{codename}}_base_release_{{n}}")
}

fn quoted(text: impl AsRef<str>) -> String {
    format!("\"{}\"", text.as_ref())
}

fn site_section(site: &Served, facts: &Facts) -> String {
    let (balancer, host) = (site.balancer(), site.host());
    format!(
        "\n[[site]]\nname = \"{}\"\nhost = \"{host}\"\nbalancer = \"{balancer}\"\nprogram = \"{}\"\n\
         check = [{{ path = \"/\", contains = 'content=\"{{codename}}-{{version}}\"' }}, {{ path = \"/heartbeat\" }}]\n\
         \n[[balancer]]\nname = \"{balancer}\"\nkind = \"{}\"\ndomain = \"{}\"\n",
        site.name, site.program, site.kind, facts.domains[&balancer]
    )
}
