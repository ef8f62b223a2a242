//! What was observed about the world at one moment: all that the planner and the preflight know about it.
//!
//! Everything is plain data with the time of the observation, so that staleness and drift can be judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::{BalancerKind, Role};
use crate::names::{
    BalancerName, DatabaseName, DnsName, FleetName, HostName, ImageId, ImageName, InstanceId, MigrationName, SnapshotId,
};
use crate::words::some_of;

/// How long reads may still show the state before a write: EC2, RDS and balancers answer from copies that are updated
/// one after the other.
pub const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// The world at one moment, as far as an upgrade of one deployment is concerned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When it was observed.
    pub at: Timestamp,
    /// The record of each site that has one.
    pub records: BTreeMap<DnsName, Record>,
    /// The distribution of the maintenance page, if one with that id exists.
    pub distribution: Option<Distribution>,
    /// The maintenance page's text, if the object exists.
    pub page: Option<String>,
    /// The balancers that exist.
    pub balancers: BTreeMap<BalancerName, BalancerState>,
    /// Every instance tagged with this deployment, whatever its state.
    pub instances: Vec<Instance>,
    /// Every machine image tagged with this deployment, oldest first.
    pub images: Vec<MachineImage>,
    /// The image that the images of each role are made from, where cutover builds them and there is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bases: BTreeMap<Role, BaseImage>,
    /// The release branches that images are built from, where the file says how they are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub branches: BTreeMap<String, ReleaseBranch>,
    /// The database instances that exist.
    pub databases: BTreeMap<DatabaseName, DatabaseState>,
    /// Pending migrations of every fleet, in the order of the file's migrations.
    pub pending: Vec<PendingMigrations>,
    /// The certificate that each site's balancer presents.
    pub certificates: BTreeMap<DnsName, Certificate>,
    /// Until when the credentials can be used or renewed; nothing if there is no limit.
    pub credentials_until: Option<Timestamp>,
    /// The parts that could not be observed. The fields above are empty for them, which then means nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Unseen>,
}

/// A part of the world that could not be observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// The part.
    pub part: Part,
    /// Why.
    pub why: String,
}

/// A part of an observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The sites' records.
    Records,
    /// The distribution of the maintenance page.
    Distribution,
    /// The maintenance page itself.
    Page,
    /// Balancers, with their settings and members.
    Balancers,
    /// Current and next hosts.
    Instances,
    /// Machine images.
    Images,
    /// The image that the images of a role are made from.
    BaseImage(Role),
    /// A release branch of the fork.
    ReleaseBranch(String),
    /// Database instances and their snapshots.
    Databases,
    /// The certificate that a site's balancer presents.
    Certificate(DnsName),
    /// Until when the credentials can be used.
    Credentials,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Records => "records",
            Self::Distribution => "distribution",
            Self::Page => "maintenance page",
            Self::Balancers => "balancers",
            Self::Instances => "hosts",
            Self::Images => "images",
            Self::BaseImage(role) => return write!(f, "base image of {role}"),
            Self::ReleaseBranch(branch) => return write!(f, "release branch {branch}"),
            Self::Databases => "databases",
            Self::Certificate(host) => return write!(f, "certificate {host}"),
            Self::Credentials => "credentials",
        })
    }
}

/// A CNAME record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The name that the record points at.
    pub target: DnsName,
    /// How long resolvers may keep it.
    #[serde(rename = "ttl_seconds", with = "crate::time::seconds")]
    pub ttl: Duration,
}

/// A CloudFront distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// Its own host name.
    pub domain: DnsName,
    /// Whether its last change has reached the edges.
    pub deployed: bool,
    /// The alternate domain names for which it answers.
    pub aliases: Vec<DnsName>,
    /// The alternate domain names that its certificate covers.
    pub certified: Vec<DnsName>,
    /// Why its certificate could not be observed, if it could not: then it may cover more names than those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertain: Option<String>,
    /// Whether it answers every error of the origin with the page, so that deep paths show the page too.
    pub errors_show_page: bool,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Where its pages come from, by host name, such as `BUCKET.s3.amazonaws.com`.
    pub origins: Vec<String>,
}

/// A balancer's settings and members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancerState {
    /// Classic ELB or target group.
    pub kind: BalancerKind,
    /// Its health check.
    pub health_check: HealthCheck,
    /// How long a removed host is shown as draining.
    #[serde(rename = "draining_seconds", with = "crate::time::seconds")]
    pub draining: Duration,
    /// The hosts registered in it.
    pub members: BTreeMap<InstanceId, Health>,
}

/// When a balancer brings a host into service, and when it takes it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The time between two checks.
    #[serde(rename = "interval_seconds", with = "crate::time::seconds")]
    pub interval: Duration,
    /// The passed checks in a row that bring a host into service.
    pub healthy_threshold: u32,
    /// The failed checks in a row that take it out.
    pub unhealthy_threshold: u32,
}

/// The state of a host in a balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Registered, but not yet checked often enough.
    Registering,
    /// Receives requests.
    InService,
    /// Fails its checks and receives no requests (unless a target group fails open).
    OutOfService,
    /// Removed; receives no new requests.
    Draining,
}

/// Whether any of a balancer's members receives requests.
#[must_use]
pub fn any_in_service(members: &BTreeMap<InstanceId, Health>) -> bool {
    members.values().any(|health| *health == Health::InService)
}

/// An instance of this deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Its Name tag.
    pub name: HostName,
    /// Its purpose tag.
    pub fleet: FleetName,
    /// Its role tag.
    pub role: Role,
    /// Its release-version tag.
    pub version: String,
    /// When it was launched.
    pub launched: Timestamp,
    /// The upgrade that launched it, according to its tag.
    pub upgrade: Option<crate::names::UpgradeId>,
    /// The state of the instance.
    pub state: InstanceState,
    /// The image it was launched from.
    pub image: ImageId,
}

/// The state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Requested, not running yet.
    Pending,
    /// Running; its status checks have not passed yet.
    Booting,
    /// Running, with its status checks passed.
    Running,
    /// Being stopped: its programs may still run.
    Stopping,
    /// Stopped. It runs nothing, and can be started again.
    Stopped,
    /// Being terminated.
    ShuttingDown,
    /// Terminated.
    Terminated,
}

/// A machine image of this deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineImage {
    /// Its id.
    pub id: ImageId,
    /// Its name.
    pub name: ImageName,
    /// Its role tag.
    pub role: Role,
    /// The code name it was built for, according to its tag.
    pub codename: Arc<str>,
    /// The release-version it was built for, according to its tag.
    pub version: Arc<str>,
    /// The commit of the code that it contains, according to its tag.
    pub commit: Option<Arc<str>>,
    /// Whether instances can be launched from it.
    pub available: bool,
    /// Why it never will be available, if it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// When it was created.
    pub created: Timestamp,
}

/// An instance on which an image is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuilderInstance {
    /// Its id.
    pub id: InstanceId,
    /// The name of the image.
    pub image: ImageName,
    /// The token it was launched with.
    pub token: String,
    /// Its state.
    pub state: InstanceState,
    /// Why it is gone, if it is and the cloud says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_gone: Option<String>,
}

impl BuilderInstance {
    /// Whether it exists and is not being terminated. A stopped one still lives.
    #[must_use]
    pub const fn lives(&self) -> bool {
        !matches!(self.state, InstanceState::ShuttingDown | InstanceState::Terminated)
    }
}

/// An image that others are made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseImage {
    /// Its id.
    pub id: ImageId,
    /// Its name, as its owner has given it.
    pub name: String,
}

/// A release branch of the fork, as it is published, and what its ledgers say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseBranch {
    /// The head that images are built from.
    pub head: BranchHead,
    /// Those commits of existing images for which a ledger accounts for every patch. A commit that is missing may have one that
    /// is not known here.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accounted: BTreeSet<Arc<str>>,
}

/// The published head of a release branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BranchHead {
    /// A ledger accounts for every patch of this commit, so images may be built from it.
    Ready(Arc<str>),
    /// No image may be built from it.
    Refused {
        /// Why.
        why: String,
        /// What to do about it.
        remedy: String,
    },
}

impl ReleaseBranch {
    /// Whether the patches of that commit are known to be accounted for.
    #[must_use]
    pub fn accounts_for(&self, commit: &str) -> bool {
        matches!(&self.head, BranchHead::Ready(head) if **head == *commit) || self.accounted.contains(commit)
    }
}

/// A database instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseState {
    /// Whether it is available, with no change pending.
    pub available: bool,
    /// Its snapshots, oldest first.
    pub snapshots: Vec<Snapshot>,
}

/// A snapshot of a database instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its identifier.
    pub id: SnapshotId,
    /// When it was started: it holds the data of this moment.
    #[serde(alias = "begun")]
    pub started: Timestamp,
    /// Whether it can be restored.
    pub available: bool,
}

/// The migrations that one migration command of one fleet has still to apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingMigrations {
    /// The fleet.
    pub fleet: FleetName,
    /// The service, such as `lms`.
    pub service: String,
    /// The database alias, such as `default`.
    pub database: String,
    /// Which are pending.
    pub names: PendingNames,
    /// What is wrong with them, as far as the file has commands that tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaws: Vec<MigrationFlaw>,
}

/// What is wrong with migrations, apart from being pending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationFlaw {
    /// Django cannot run them: their history contradicts itself, branches were not joined, or a file is missing.
    CannotRun {
        /// Which migrations it is about, and how.
        because: String,
    },
    /// The file names them to be recorded without being run, and the new code does not have them.
    NoneToFake {
        /// Their names.
        migrations: Vec<MigrationName>,
    },
    /// A command that would tell of flaws has failed.
    NotKnown {
        /// Why.
        because: String,
    },
    /// They are on record in the database, and the new code does not have them.
    FilesGone {
        /// Their names.
        migrations: Vec<MigrationName>,
    },
    /// The new code lists them as applied, and the database has no record of them.
    NotRecorded {
        /// Their names.
        migrations: Vec<MigrationName>,
    },
}

impl MigrationFlaw {
    /// Whether it is about no migration at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        match self {
            Self::NoneToFake { migrations } | Self::FilesGone { migrations } | Self::NotRecorded { migrations } => {
                migrations.is_empty()
            }
            Self::CannotRun { .. } | Self::NotKnown { .. } => false,
        }
    }
}

/// Which migrations are pending. Only a next host can tell, because only the new code knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PendingNames {
    /// These, according to a next host, in the order of its list.
    Known(Vec<MigrationName>),
    /// No next host runs yet.
    NoNextHost,
    /// A next host runs, and the file has no command that lists them.
    NoListCommand,
    /// A next host runs, and its list cannot be read. The window needs it.
    NotKnown {
        /// Why, such as the failure of its list command.
        because: String,
        /// What to do about it; empty if nobody knows.
        remedy: String,
    },
}

/// How many migrations of a list are named.
pub const MIGRATIONS_NAMED: usize = 3;

/// Pending migrations in words, `shown` of them by name: `5 pending: courseware.0002_x and 4 more`.
#[must_use]
pub fn pending_in_words(names: &[MigrationName], shown: usize) -> String {
    format!("{} pending: {}", names.len(), some_of(names, shown))
}

impl PendingNames {
    /// Whether it is known that nothing is pending.
    #[must_use]
    pub fn are_none(&self) -> bool {
        matches!(self, Self::Known(names) if names.is_empty())
    }
}

/// The certificate that a balancer presents for a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// When it expires.
    pub expires: Timestamp,
    /// Any other reason for browsers to reject it, such as a name that it does not cover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objection: Option<String>,
}

impl Observation {
    /// Why a part could not be observed; nothing if it could.
    #[must_use]
    pub fn why_unseen(&self, part: &Part) -> Option<&str> {
        self.unseen.iter().find(|unseen| unseen.part == *part).map(|unseen| unseen.why.as_str())
    }

    /// The instance with this id, unless it is being terminated or gone.
    #[must_use]
    pub fn instance(&self, id: &InstanceId) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == *id && instance.lives())
    }
}

impl Instance {
    /// Whether it is neither terminated nor being terminated.
    #[must_use]
    pub fn lives(&self) -> bool {
        !matches!(self.state, InstanceState::ShuttingDown | InstanceState::Terminated)
    }

    /// Whether it is stopped, or being stopped.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self.state, InstanceState::Stopping | InstanceState::Stopped)
    }
}
