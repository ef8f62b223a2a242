//! What steps do: data that the engine carries out through its ports, one variant for each kind of work.
//!
//! An action says everything that its execution needs. A value that is not known when the plan is made, such
//! as the id of an instance that a step will launch, is named by the step that makes it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::{PastStopLimit, Role, SiteCheck, SmokeTest};
use crate::names::{
    AnnouncementName, BalancerName, DatabaseName, DnsName, FleetName, GateName, HostName, ImageId, ImageName,
    InstanceId, JobName, ProgramName, SchemaName, SiteName, SnapshotId, StepId,
};

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Action {
    /// Nothing: other steps wait for it.
    Milestone,
    /// Waits for a moment.
    WaitUntil {
        /// The moment.
        moment: Timestamp,
        /// The last moment at which what follows may begin: later, it would not end in time. Nothing when that does
        /// not matter, or somebody wants it all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        no_later_than: Option<Timestamp>,
    },
    /// Waits for a person's decision.
    Decide(Decide),
    /// Sends a message.
    Announce(Announce),
    /// Puts the maintenance page into its bucket, and makes CloudFront forget the old one.
    PublishPage(PublishPage),
    /// Puts the current hosts on record.
    Capture {
        /// The current hosts, of all fleets.
        hosts: Vec<CapturedHost>,
    },
    /// Changes records of the zone in one batch, and waits until the change is in sync.
    ChangeRecords(ChangeRecords),
    /// Waits until every server and resolver answers with the records' targets, and connections that browsers
    /// hold open have had time to close.
    AwaitResolvers(AwaitResolvers),
    /// Builds a machine image.
    BuildImage(BuildImage),
    /// Launches a host and waits until it is up.
    Launch(Launch),
    /// Runs the smoke tests on a host.
    SmokeTest {
        /// The host.
        host: Host,
        /// The tests.
        tests: Vec<SmokeTest>,
    },
    /// Stops programs on a host and sees that none runs.
    StopServices(StopServices),
    /// Starts programs on a host and waits until they run.
    StartServices(StartServices),
    /// Waits until the fleet's task queues are empty.
    DrainQueues {
        /// The fleet.
        fleet: FleetName,
    },
    /// Looks again whether programs are stopped, and stops them again: a configuration run or a weekly restart
    /// may have started them behind the operator's back.
    ConfirmStopped {
        /// The hosts to look at, with the programs that must not run there.
        hosts: Vec<HostPrograms>,
    },
    /// Takes a snapshot of a database instance and waits until it is available.
    TakeSnapshot {
        /// The database instance.
        database: DatabaseName,
        /// The snapshot's identifier.
        snapshot: SnapshotId,
    },
    /// Runs a migration command as a job on a host.
    Migrate(Migrate),
    /// Registers hosts in a balancer.
    Register(Membership),
    /// Takes hosts out of a balancer: it sends them no new requests.
    Deregister(Membership),
    /// Waits until a balancer has hosts in service.
    AwaitHealthy(Membership),
    /// Waits until hosts that were taken out of a balancer have finished draining.
    AwaitDrained(Membership),
    /// Asks for pages of a site and looks at the answers.
    CheckSite(CheckSite),
    /// Terminates a host that no balancer has.
    Terminate {
        /// The host.
        host: Host,
        /// The balancers that must not have it.
        balancers: Vec<BalancerName>,
    },
    /// Removes a machine image and its snapshot.
    RemoveImage {
        /// The image's id.
        image: ImageId,
        /// Its name, for people.
        name: ImageName,
    },
}

impl Action {
    /// Whether `other` does the same, so that what is done of it is done of this. A wait's last moment is advice on when
    /// to begin, which says nothing of what was done.
    #[must_use]
    pub fn does_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::WaitUntil { moment, .. }, Self::WaitUntil { moment: other, .. }) => moment == other,
            _ => self == other,
        }
    }
}

/// A host that an action works on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Host {
    /// Its name.
    pub name: HostName,
    /// Which instance it is.
    pub instance: InstanceRef,
}

/// An instance that is known, or the step that will make it known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceRef {
    /// This instance.
    Known(InstanceId),
    /// The instance that this step launches.
    MadeBy(StepId),
}

/// A host and programs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPrograms {
    /// The host.
    pub host: Host,
    /// The supervisorctl to run.
    pub supervisorctl: String,
    /// The programs.
    pub programs: Vec<ProgramName>,
}

/// A current host on record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CapturedHost {
    /// Its name.
    pub name: HostName,
    /// Its instance.
    pub instance: InstanceId,
    /// Its fleet.
    pub fleet: FleetName,
    /// Its role.
    pub role: Role,
}

/// A decision that a person is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decide {
    /// The gate.
    pub gate: GateName,
    /// What is decided.
    pub question: String,
    /// What to look at first.
    pub checklist: Vec<String>,
}

/// A message to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announce {
    /// The announcement.
    pub announcement: AnnouncementName,
    /// Where it goes.
    pub to: String,
    /// Its words.
    pub text: String,
}

/// The maintenance page and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishPage {
    /// The S3 bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The CloudFront distribution in front of it.
    pub distribution: String,
    /// The page.
    pub body: String,
}

/// Changes to records of one zone, made in one batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecords {
    /// The hosted zone's name.
    pub zone: String,
    /// What the records shall be.
    pub records: Vec<RecordTarget>,
}

/// What a record shall be: a CNAME.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTarget {
    /// The site's host name.
    pub name: DnsName,
    /// What it points at.
    pub target: DnsName,
    /// How long resolvers may keep it.
    #[serde(rename = "ttl_seconds", with = "crate::time::seconds")]
    pub ttl: Duration,
}

/// Who must answer with what before a change of records has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitResolvers {
    /// What the records must be.
    pub records: Vec<RecordTarget>,
    /// The recursive resolvers to ask, besides the zone's own servers.
    pub resolvers: Vec<IpAddr>,
    /// How long resolvers that nobody can ask may keep the answer from before.
    #[serde(rename = "forget_seconds", with = "crate::time::seconds")]
    pub forget: Duration,
    /// How much longer to wait for connections that browsers hold open.
    #[serde(rename = "settle_seconds", with = "crate::time::seconds")]
    pub settle: Duration,
}

/// A machine image to build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildImage {
    /// Its name. A build of the same name twice is one build.
    pub name: ImageName,
    /// Its role.
    pub role: Role,
    /// The image to start from.
    pub base: String,
    /// The repository whose commit is baked in.
    pub repository: String,
    /// The branch whose commit is baked in.
    pub branch: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The image of a host that will be launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageRef {
    /// This image.
    Known(ImageId),
    /// The image that this step builds.
    MadeBy(StepId),
}

/// A host to launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Its name.
    pub name: HostName,
    /// Its fleet.
    pub fleet: FleetName,
    /// Its role.
    pub role: Role,
    /// The image to launch it from.
    pub image: ImageRef,
    /// The EC2 instance type.
    pub instance_type: String,
    /// The subnet.
    pub subnet: String,
    /// The security groups.
    pub security_groups: Vec<String>,
    /// The IAM instance profile.
    pub profile: String,
    /// Its tags, the upgrade's own among them.
    pub tags: BTreeMap<String, String>,
    /// Whether services stay stopped at boot. Workers must: they would take production's tasks.
    pub boot_stopped: bool,
    /// 1 unless a host of this name was launched before by this upgrade and is gone: part of the token that
    /// makes launching twice launching once.
    pub generation: u32,
}

/// Programs to stop on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopServices {
    /// The host.
    pub host: Host,
    /// The supervisorctl to run.
    pub supervisorctl: String,
    /// The programs.
    pub programs: Vec<ProgramName>,
    /// How long they may take.
    #[serde(rename = "stop_limit_seconds", with = "crate::time::seconds")]
    pub stop_limit: Duration,
    /// What happens to those that take longer.
    pub past_stop_limit: PastStopLimit,
}

/// Programs to start on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartServices {
    /// The host.
    pub host: Host,
    /// The supervisorctl to run.
    pub supervisorctl: String,
    /// The programs.
    pub programs: Vec<ProgramName>,
}

/// A migration command to run as a job of a host, so that it outlives the connection and the conductor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrate {
    /// The job's name. A job started twice is one job.
    pub job: JobName,
    /// The host that runs it.
    pub host: Host,
    /// The fleet whose schema it migrates.
    pub fleet: FleetName,
    /// The service, such as `lms`.
    pub service: String,
    /// The database alias, such as `default`.
    pub database: String,
    /// The schema behind the alias.
    pub schema: SchemaName,
    /// The database instance that holds the schema.
    pub instance: DatabaseName,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The command that lists migrations.
    pub list_command: Vec<String>,
    /// The folder to run in.
    pub directory: String,
    /// The user to run as.
    pub user: String,
    /// Whether current hosts work against the migrated schema too.
    pub backward_compatible: bool,
}

impl Migrate {
    /// The job's name in its run number `run`, from 0: one more each time that an operator wants it tried again.
    #[must_use]
    pub fn job_of_run(&self, run: u32) -> JobName {
        if run == 0 { self.job.clone() } else { format!("{}-run-{}", self.job, run + 1).into() }
    }

    /// Whether both migrate the same: one service's tables in one database of a fleet.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        (&self.fleet, &self.service, &self.database) == (&other.fleet, &other.service, &other.database)
    }
}

/// Hosts and a balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The balancer.
    pub balancer: BalancerName,
    /// Classic ELB or target group.
    pub kind: crate::deployment::BalancerKind,
    /// The hosts.
    pub hosts: Vec<Host>,
}

/// Pages of a site to ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckSite {
    /// The site.
    pub site: SiteName,
    /// Its public host name.
    pub host: DnsName,
    /// How the name is resolved.
    pub via: Via,
    /// What must be answered.
    pub checks: Vec<SiteCheck>,
}

/// How a check's host name is resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// As visitors do.
    PublicDns,
    /// Pinned to this balancer, behind the maintenance page.
    Balancer(DnsName),
}
