//! What steps do: data that the engine carries out through its ports, with one variant for each kind of work.
//!
//! An action contains everything that its execution needs. If a value is not known when the plan is made, such as the
//! id of an instance that a step will launch, the action refers to that step instead.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::check_site::CheckSite;
use super::count_tasks::CountTasks;
use super::host::Host;
use super::migrate::Migrate;
use super::rows::CountRows;
use super::sessions::AwaitSessions;
use super::soak::{Baseline, Soak};
use super::statements::ReadStatements;
use super::storage::CheckStorage;
use super::write_check::WriteCheck;
use crate::deployment::{Builder, Packer, PastStopLimit, Role, SmokeTest};
use crate::names::{
    AnnouncementName, BalancerName, DatabaseName, DnsName, FleetName, GateName, HostName, ImageId, ImageName,
    InstanceId, ProgramName, SnapshotId, StepId,
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
        /// The latest time at which the following steps may start and still end in time. `None` if that does not
        /// matter, or if the operator wants to start anyway.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        no_later_than: Option<Timestamp>,
    },
    /// Waits for a person's decision.
    Decide(Decide),
    /// Sends a message.
    Announce(Announce),
    /// Writes the maintenance page into its bucket, and clears CloudFront's cache of the old one.
    PublishPage(PublishPage),
    /// Records the current hosts.
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
    /// Launches a host and waits until its status checks pass.
    Launch(Launch),
    /// Runs the smoke tests on a host.
    SmokeTest {
        /// The host.
        host: Host,
        /// The tests.
        tests: Vec<SmokeTest>,
        /// What must not have started when the host booted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idle: Option<Idle>,
        /// For a host of an image that cutover builds: the file's paths that must differ between hosts, besides the machine id and
        /// the host keys of SSH.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<Vec<String>>,
    },
    /// Holds cron files and systemd timers of a host back, and waits until what they have started has ended.
    HoldBack(HeldItems),
    /// Puts cron files and systemd timers of a host back as they were.
    PutBack(HeldItems),
    /// Runs commands of the deployment file on a host, as one job.
    RunCommands(RunCommands),
    /// Stops programs on a host and waits until none is running.
    StopServices(StopServices),
    /// Starts programs on a host and waits until they run.
    StartServices(StartServices),
    /// Waits until the fleet's task queues are empty, or hold no more than an operator leaves to the next hosts.
    DrainQueues {
        /// The fleet.
        fleet: FleetName,
        /// How the tasks are counted. Plans of programs that could not count them do not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<CountTasks>,
    },
    /// Checks whether programs are still stopped, and stops them again if not: a configuration run or a weekly restart
    /// may have started them without the operator's knowledge.
    ConfirmStopped {
        /// The hosts to check, with the programs that must not run there.
        hosts: Vec<HostPrograms>,
        /// The snapshots that must hold everything that these programs have written. One that was taken before some of
        /// them were found running does not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        snapshots: Vec<SnapshotId>,
    },
    /// Checks whether programs that were started still run: their host may have restarted since, or they may have ended.
    ConfirmRunning {
        /// The hosts to check, with what must run there.
        hosts: Vec<StartServices>,
    },
    /// Takes a snapshot of a database instance and waits until it is available.
    TakeSnapshot {
        /// The database instance.
        database: DatabaseName,
        /// The snapshot's identifier.
        snapshot: SnapshotId,
    },
    /// Waits until no session remains on a database instance that a migration would have to wait for.
    AwaitSessions(AwaitSessions),
    /// Looks whether a database instance has room for what migrations write.
    CheckStorage(CheckStorage),
    /// Counts the rows of tables, before migrations or after them.
    CountRows(CountRows),
    /// Reads what pending migrations are about to do.
    ReadStatements(ReadStatements),
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
    /// Requests pages of a site and checks the answers.
    CheckSite(CheckSite),
    /// Runs a command of the deployment file that writes on the new site, as a job.
    WriteCheck(WriteCheck),
    /// Records what visitors get before the window: errors, times, and how many tasks wait.
    Baseline(Baseline),
    /// Requests sites for some time after visitors are back, and compares what they answer with the time before the window.
    Soak(Soak),
    /// Terminates a host that is in no balancer.
    Terminate {
        /// The host.
        host: Host,
        /// The balancers in which it must not be registered.
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
    /// Whether `other` does the same, so that if it is done, this one is done. The latest time of a wait is ignored,
    /// because it is advice on when to start, a migration is done on whichever host it ran, programs have stopped whoever counted requests before, sessions have ended
    /// whoever asked, and what visitors got before the window, and what migrations were about to do, is not found out again once
    /// the page is up.
    #[must_use]
    pub fn does_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::WaitUntil { moment, .. }, Self::WaitUntil { moment: other, .. }) => moment == other,
            (Self::Migrate(migrate), Self::Migrate(other)) => {
                Migrate { host: other.host.clone(), ..migrate.clone() } == *other
            }
            (Self::StopServices(stop), Self::StopServices(other)) => {
                StopServices { count_requests: other.count_requests.clone(), ..stop.clone() } == *other
            }
            (Self::AwaitSessions(wait), Self::AwaitSessions(other)) => wait.database == other.database,
            (Self::Baseline(baseline), Self::Baseline(other)) => baseline.fleet == other.fleet,
            (Self::ReadStatements(read), Self::ReadStatements(other)) => read.is_of_the_same(other),
            (Self::CheckStorage(check), Self::CheckStorage(other)) => {
                (&check.database, check.min_free) == (&other.database, other.min_free)
            }
            (Self::CountRows(count), Self::CountRows(other)) => {
                (&count.database, count.when, &count.tables) == (&other.database, other.when, &other.tables)
            }
            _ => self == other,
        }
    }

    /// Whether the steps that do not wait for it go on if it fails. A soak has found what a person has to judge, and until then its
    /// visitors are served; those of other fleets may still see the maintenance page.
    #[must_use]
    pub const fn lets_others_go_on(&self) -> bool {
        matches!(self, Self::Soak(_))
    }
}

/// A host and programs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPrograms {
    /// The host.
    pub host: Host,
    /// The supervisorctl to run.
    #[serde(default = "usual::supervisorctl", skip_serializing_if = "usual::is_supervisorctl")]
    pub supervisorctl: String,
    /// The programs.
    pub programs: Vec<ProgramName>,
    /// What does not belong to the site: see [`StopServices::unrelated`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrelated: Vec<String>,
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
    /// The question to decide.
    pub question: String,
    /// What to check before deciding.
    pub checklist: Vec<String>,
}

/// A message to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announce {
    /// The announcement.
    pub announcement: AnnouncementName,
    /// Where it goes.
    pub to: String,
    /// Its text.
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
    /// The wanted records.
    pub records: Vec<RecordTarget>,
}

/// The wanted value of a record, which is a CNAME.
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

/// The servers and resolvers that must answer with certain targets before a change of records counts as visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitResolvers {
    /// What the records must be.
    pub records: Vec<RecordTarget>,
    /// The recursive resolvers to ask, besides the zone's own servers.
    pub resolvers: Vec<IpAddr>,
    /// How long other resolvers, which cannot be asked, may keep the previous answer.
    #[serde(rename = "forget_seconds", with = "crate::time::seconds")]
    pub forget: Duration,
    /// How much longer to wait for connections that browsers hold open.
    #[serde(rename = "settle_seconds", with = "crate::time::seconds")]
    pub settle: Duration,
}

/// A machine image to build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildImage {
    /// Its name. A second build with the same name has no effect.
    pub name: ImageName,
    /// Its role.
    pub role: Role,
    /// The image to start from.
    pub base: String,
    /// The repository whose commit is baked in.
    pub repository: String,
    /// The branch whose commit is baked in.
    pub branch: String,
    /// The commit that is baked in, where cutover builds the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Arc<str>>,
    /// The instance on which cutover builds it, with nothing left to fill in in its commands. Without it, the image is built by
    /// other means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<Builder>,
    /// The Packer template with which cutover builds it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packer: Option<Packer>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl BuildImage {
    /// Whether cutover builds it itself.
    #[must_use]
    pub const fn is_built_here(&self) -> bool {
        self.builder.is_some() || self.packer.is_some()
    }
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
    /// 1, unless this upgrade launched a host with this name before and that one is gone. It is part of the idempotency
    /// token of the launch.
    pub generation: u32,
}

/// Programs to stop on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopServices {
    /// The host.
    pub host: Host,
    /// The supervisorctl to run.
    #[serde(default = "usual::supervisorctl", skip_serializing_if = "usual::is_supervisorctl")]
    pub supervisorctl: String,
    /// The programs.
    pub programs: Vec<ProgramName>,
    /// How long they may take.
    #[serde(rename = "stop_limit_seconds", with = "crate::time::seconds")]
    pub stop_limit: Duration,
    /// What happens to those that take longer.
    pub past_stop_limit: PastStopLimit,
    /// The command that names the tasks that run; empty if nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub running_tasks: Vec<String>,
    /// Programs in sessions of `su` that do not belong to the site, as `unrelated_processes` of the deployment file names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrelated: Vec<String>,
    /// The command that counts the requests of visitors that still arrive; empty if nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub count_requests: Vec<String>,
    /// Whether supervisor must not start them when the host boots either, until they are started again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_good: bool,
}

/// Programs that a host must boot without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// The supervisorctl to run.
    #[serde(default = "usual::supervisorctl", skip_serializing_if = "usual::is_supervisorctl")]
    pub supervisorctl: String,
    /// The programs.
    pub programs: Vec<ProgramName>,
    /// Whether supervisor must not start them at another boot either, because its `autostart` is off. The deployment file may
    /// have another way.
    pub autostart_is_off: bool,
}

/// Cron files and systemd timers of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldItems {
    /// The host.
    pub host: Host,
    /// The paths of cron files, and the names of timers.
    pub items: Vec<String>,
}

/// Commands to run on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCommands {
    /// The host.
    pub host: Host,
    /// Why they are run.
    pub purpose: Purpose,
    /// The commands and their arguments.
    pub commands: Vec<Vec<String>>,
}

/// Why commands of the deployment file are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To freeze what changes the host by itself.
    Freeze,
    /// To release what was frozen.
    Release,
}

impl Purpose {
    /// The key of the deployment file that has the commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Release => "release",
        }
    }
}

/// Programs to start on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartServices {
    /// The host.
    pub host: Host,
    /// The supervisorctl to run.
    #[serde(default = "usual::supervisorctl", skip_serializing_if = "usual::is_supervisorctl")]
    pub supervisorctl: String,
    /// The programs.
    pub programs: Vec<ProgramName>,
    /// How long each must have run with the same process.
    #[serde(rename = "steady_seconds", with = "crate::time::seconds")]
    #[serde(default = "usual::steady", skip_serializing_if = "usual::is_steady")]
    pub steady: Duration,
    /// The addresses that must answer on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// Whether the host was booted with supervisor's `autostart` off, which is turned on again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub autostart: bool,
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

/// The deployment file's defaults for what every host's steps say. Plans leave them out, since large plans have thousands of
/// such steps.
mod usual {
    use std::time::Duration;

    use crate::deployment::{USUAL_STEADY, USUAL_SUPERVISORCTL};

    pub(super) fn supervisorctl() -> String {
        USUAL_SUPERVISORCTL.to_owned()
    }

    pub(super) fn is_supervisorctl(path: &str) -> bool {
        path == USUAL_SUPERVISORCTL
    }

    pub(super) const fn steady() -> Duration {
        USUAL_STEADY.duration()
    }

    pub(super) fn is_steady(length: &Duration) -> bool {
        *length == steady()
    }
}
