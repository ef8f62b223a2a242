//! The deployment as a whole: the top level of the file, and how its parts refer to one another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Announcement, Aws, Balancer, Branches, Database, Dns, Embedded, Fleet, Gate, MaintenancePage, Migration, Prices,
    Release, Role, Roles, Site, Soak, Ssh, WriteCheck,
};
use crate::names::{BalancerName, DatabaseName, DeploymentName, DnsName, FleetName, SchemaName, UpgradeId};
use crate::time::{OffsetTime, Span};

/// A deployment of Open edX and the upgrade that is planned for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The environment's name, such as `mitx-production`. It becomes part of host names and tags.
    pub name: DeploymentName,
    /// Where the deployment lives.
    pub cloud: Cloud,
    /// The account, and how hosts are launched in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,
    /// How hosts are reached over SSH.
    #[serde(default)]
    pub ssh: Ssh,
    /// The release that the upgrade brings.
    pub release: Release,
    /// When the site may be down.
    pub window: Window,
    /// Where cutover keeps its journal.
    pub state: State,
    /// What visitors see while the site is down.
    pub maintenance_page: MaintenancePage,
    /// The zone, its TTLs, and which resolvers to ask whether a change has arrived.
    pub dns: Dns,
    /// The public host names that must end up served.
    #[serde(rename = "site")]
    pub sites: Vec<Site>,
    /// The load balancers.
    #[serde(rename = "balancer")]
    pub balancers: Vec<Balancer>,
    /// Hosts of one purpose that share databases.
    #[serde(rename = "fleet")]
    pub fleets: Vec<Fleet>,
    /// How the services of each role are controlled and tested on a host.
    pub role: Roles,
    /// The database instances.
    #[serde(rename = "database")]
    pub databases: Vec<Database>,
    /// The migration commands, in the order in which every fleet runs them.
    #[serde(rename = "migration", default)]
    pub migrations: Vec<Migration>,
    /// Checks that write on the new site before visitors do, in the order in which every fleet makes them.
    #[serde(rename = "write_check", default, skip_serializing_if = "Vec::is_empty")]
    pub write_checks: Vec<WriteCheck>,
    /// How the new site is watched after visitors are back. Without it, it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Soak>,
    /// Messages to people.
    #[serde(rename = "announcement", default)]
    pub announcements: Vec<Announcement>,
    /// Points where a person decides.
    #[serde(rename = "gate", default)]
    pub gates: Vec<Gate>,
    /// The fork's release branches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Branches>,
    /// What things cost. Without it, plans say nothing about costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// How long things are expected to take, where no observation says it.
    #[serde(default)]
    pub expected: Expected,
    /// How the embedded cloud behaves, in rehearsals and with `cloud = "embedded"`.
    #[serde(default)]
    pub embedded: Embedded,
}

/// Where a deployment lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Cloud {
    /// A simulated cloud inside cutover, saved in the state folder.
    Embedded,
    /// Amazon Web Services.
    Aws,
}

/// When the site may be down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The announced start, with its zone offset: `2021-01-04T04:00:00-05:00`.
    pub start: OffsetTime,
    /// The announced length. Give either this or `end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Span>,
    /// The announced end, with its zone offset. Give either this or `length`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<OffsetTime>,
    /// How long before the start the downtime is announced.
    pub notice: Span,
}

impl Window {
    /// Its end. If the file gives no valid end or length (which the rules refuse), the start.
    #[must_use]
    pub fn ends(&self) -> OffsetTime {
        let length = self.length.unwrap_or_default().duration();
        self.end.unwrap_or(OffsetTime {
            timestamp: crate::time::later(self.start.timestamp, length),
            offset: self.start.offset,
        })
    }

    /// How long it is, from its start to its end: what is announced by the next `announce`.
    #[must_use]
    pub fn whole_length(&self) -> std::time::Duration {
        crate::time::between(self.start.timestamp, self.ends().timestamp)
    }
}

/// Where cutover keeps its journal, its lease and its decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// A folder, absolute or relative to the deployment file; with `cloud = "aws"` also `s3://BUCKET/FOLDER`, which
    /// every colleague's machine can reach.
    pub location: String,
}

/// How long things are expected to take, where no observation says it. Plans add these times up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expected {
    /// Launching an instance, until its status checks pass.
    pub boot: Span,
    /// A change of DNS records, until it is in sync on all of the zone's servers.
    pub dns_sync: Span,
    /// An invalidation of the maintenance page, until it is complete.
    pub invalidation: Span,
    /// Emptying the queues of a fleet whose workers have `drain_queues`. It takes 6 seconds even if nothing is in them, because
    /// they are looked at twice.
    #[serde(skip_serializing_if = "is_usual_draining")]
    pub drain_queues: Span,
    /// A snapshot of a database instance that has no recent snapshot.
    pub snapshot: Span,
    /// A snapshot shortly after another one.
    pub incremental_snapshot: Span,
    /// The smoke tests on one host.
    pub smoke_test: Span,
    /// The checks of one site from outside.
    pub site_check: Span,
}

const USUAL_DRAINING: Span = Span::seconds(30);

/// The usual time is left out, so that plans for files without it keep the hash by which they are approved.
fn is_usual_draining(draining: &Span) -> bool {
    *draining == USUAL_DRAINING
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            boot: Span::seconds(180),
            dns_sync: Span::seconds(35),
            invalidation: Span::seconds(60),
            drain_queues: USUAL_DRAINING,
            snapshot: Span::seconds(900),
            incremental_snapshot: Span::seconds(90),
            smoke_test: Span::seconds(20),
            site_check: Span::seconds(10),
        }
    }
}

impl Deployment {
    /// The name of this upgrade and of its journal: `mitx-production-koa-v4`.
    #[must_use]
    pub fn upgrade(&self) -> UpgradeId {
        format!("{}-{}-v{}", self.name, self.release.codename, self.release.version).into()
    }

    /// The options with which the `aws` command reaches the account and region of this deployment, each after a space: whatever the
    /// defaults are of the computer on which it is typed.
    #[must_use]
    pub fn aws_options(&self) -> String {
        self.aws.as_ref().map(Aws::command_options).unwrap_or_default()
    }

    /// The folder in which hosts keep the jobs of this upgrade. Each upgrade has one of its own, because its conductors are
    /// numbered anew, and a host refuses a number that is lower than one before it.
    #[must_use]
    pub fn job_folder(&self) -> String {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let upgrade: String =
            self.upgrade().as_str().chars().map(|letter| if plain(letter) { letter } else { '-' }).collect();
        format!("{}/{upgrade}", self.ssh.job_folder.trim_end_matches('/'))
    }

    /// The TXT record in the zone that says which conductor changed records last:
    /// `_cutover.mitx-production.mitx.mit.edu`.
    #[must_use]
    pub fn fence(&self) -> DnsName {
        let label = |character: char| match character.to_ascii_lowercase() {
            plain @ ('a'..='z' | '0'..='9' | '-') => plain,
            _ => '-',
        };
        let name: String = self.name.as_str().chars().map(label).take(63).collect();
        format!("_cutover.{name}.{}", self.dns.zone.trim_end_matches('.')).into()
    }

    /// The checks that write on a fleet's sites, in the file's order.
    pub fn write_checks_of(&self, fleet: &Fleet) -> impl Iterator<Item = &WriteCheck> {
        self.write_checks.iter().filter(|check| check.is_of(&fleet.name))
    }

    /// Whether next hosts of a role boot with their services stopped: workers would take tasks of the live site.
    #[must_use]
    pub fn boots_stopped(&self, role: Role) -> bool {
        role == Role::Worker
    }

    /// Whether supervisor's `autostart` is turned off for that, and not what the file says instead.
    #[must_use]
    pub fn turns_autostart_off(&self) -> bool {
        self.aws.as_ref().is_none_or(|aws| aws.hold_services.is_none())
    }

    /// What the `role` tag says on hosts and images of `role`.
    #[must_use]
    pub fn role_tag(&self, role: Role) -> &str {
        self.aws.as_ref().map_or(role.as_str(), |aws| aws.role_tags.of(role))
    }

    /// The fleet of that name.
    #[must_use]
    pub fn fleet(&self, name: &FleetName) -> Option<&Fleet> {
        self.fleets.iter().find(|fleet| fleet.name == *name)
    }

    /// The balancer of that name.
    #[must_use]
    pub fn balancer(&self, name: &BalancerName) -> Option<&Balancer> {
        self.balancers.iter().find(|balancer| balancer.name == *name)
    }

    /// The database instance that holds `schema`.
    #[must_use]
    pub fn database_of(&self, schema: &SchemaName) -> Option<&Database> {
        self.databases.iter().find(|database| database.schemas.contains(schema))
    }

    /// The database instances that `fleet` writes to, in the file's order.
    pub fn databases_of<'a>(&'a self, fleet: &'a Fleet) -> impl Iterator<Item = &'a Database> {
        self.databases.iter().filter(|database| fleet.schemas.values().any(|schema| database.schemas.contains(schema)))
    }

    /// The fleets that write to the database instance `name`, in the file's order.
    pub fn fleets_on<'a>(&'a self, name: &'a DatabaseName) -> impl Iterator<Item = &'a Fleet> {
        self.fleets.iter().filter(move |fleet| self.databases_of(fleet).any(|database| database.name == *name))
    }

    /// The fleet whose edxapp hosts serve through `balancer`.
    #[must_use]
    pub fn fleet_behind(&self, balancer: &BalancerName) -> Option<&Fleet> {
        self.fleets.iter().find(|fleet| fleet.edxapp.balancers.contains(balancer))
    }

    /// The sites that `fleet` serves, in the file's order.
    pub fn sites_of<'a>(&'a self, fleet: &'a Fleet) -> impl Iterator<Item = &'a Site> {
        self.sites.iter().filter(|site| fleet.edxapp.balancers.contains(&site.balancer))
    }

    /// The migrations that `fleet` runs, in the file's order.
    pub fn migrations_of<'a>(&'a self, fleet: &'a Fleet) -> impl Iterator<Item = &'a Migration> {
        self.migrations.iter().filter(|migration| migration.fleets.is_empty() || migration.fleets.contains(&fleet.name))
    }
}
