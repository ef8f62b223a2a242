//! What the engine needs of the world: small traits, called ports, that AWS and the embedded cloud both implement.
//!
//! A method that changes the world takes a [`Permit`], which only the gate creates, so nothing can be changed without
//! passing through it. Ports make a call once and report its outcome; `retry` decides whether it is repeated.
//!
//! Every call either returns what it did or fails with a [`Failure`] whose class says what is known then. Calls that
//! create something have a name or token, so they are idempotent. Reading calls never change anything, so a failed one
//! leaves nothing in doubt: it fails as *not applied*. Futures need not be `Send`: a conductor runs on one thread.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_core::account::{Quota, Subnet};
use cutover_core::deployment::{Base, Builder, Packer};
use cutover_core::journal::Decision;
use cutover_core::names::{
    BalancerName, ChangeId, DatabaseName, DiskId, DnsName, ImageId, ImageName, InstanceId, InvalidationId, JobName,
    SnapshotId,
};
use cutover_core::observation::{
    BalancerState, BaseImage, BuilderInstance, Certificate, DatabaseState, Distribution, Health, Instance,
    MachineImage, Record, ReleaseBranch, Snapshot,
};
use cutover_core::packing::{PackerBuild, PackerMachine, PackerMade, PackerRest};
use cutover_core::plan::{Announce, BuildImage, Decide, Launch, RecordTarget};
use cutover_core::time::between;
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, Signal};

use crate::failure::Failure;
use crate::fence::{FenceChange, FenceRecord};
use crate::gate::Permit;
use crate::moment::Moment;

/// The answer of a port.
pub type Answer<T> = Result<T, Failure>;

/// The clock of an upgrade. Nothing else in the engine knows the time.
#[async_trait(?Send)]
pub trait Clock {
    /// The upgrade's time, as a date. It can be set forward and back meanwhile, so it is not for measuring.
    fn now(&self) -> Timestamp;

    /// The upgrade's time on a clock that cannot be set, since some moment that differs between processes.
    fn up(&self) -> Duration;

    /// This moment, for measuring.
    fn moment(&self) -> Moment {
        Moment { wall: self.now(), up: self.up() }
    }

    /// Waits for `length`, starting now, and no longer if the clock is set back meanwhile. If processes share an
    /// embedded cloud, time passes at that cloud's pace.
    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()>;

    /// Waits until the clock shows `moment`, such as the start of the window. An embedded cloud skips the time until
    /// then.
    async fn wait_for_date(&self, moment: Timestamp) {
        while self.now() < moment {
            self.sleep(between(self.now(), moment)).await;
        }
    }
}

/// Route 53 and the resolvers.
#[async_trait(?Send)]
pub trait Dns {
    /// The zone's records for those names, as far as they exist.
    async fn records(&self, zone: &str, names: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>>;
    /// The record that says which conductor last changed records, as it is listed, if it exists.
    async fn fence(&self, zone: &str, name: &DnsName) -> Answer<Option<FenceRecord>>;
    /// Sets the records in one atomic batch together with the fence. If the fence differs from `was`, nothing changes
    /// and the failure is *superseded*.
    async fn change_records(
        &self,
        permit: &Permit,
        zone: &str,
        records: &[RecordTarget],
        fence: &FenceChange,
    ) -> Answer<ChangeId>;
    /// Whether a change is in sync on all of the zone's servers.
    async fn in_sync(&self, change: &ChangeId) -> Answer<bool>;
    /// What each of the zone's own servers answers for a name: its CNAME target.
    async fn ask_servers(&self, zone: &str, name: &DnsName) -> Answer<Vec<ServerAnswer>>;
    /// What a recursive resolver answers for a name: its CNAME target.
    async fn ask_resolver(&self, resolver: IpAddr, name: &DnsName) -> Answer<Option<DnsName>>;
}

/// What one of a zone's own servers answers for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAnswer {
    /// The server's name.
    pub server: String,
    /// The target of the name's CNAME; `None` if it has none there.
    pub target: Option<DnsName>,
}

/// Load balancers of both kinds. Readings may show members as they were before a write, for [`SHOWN_WITHIN`] at most.
///
/// [`SHOWN_WITHIN`]: cutover_core::observation::SHOWN_WITHIN
#[async_trait(?Send)]
pub trait Balancers {
    /// Those balancers that exist, with settings and members.
    async fn balancers(&self, names: &[BalancerName]) -> Answer<BTreeMap<BalancerName, BalancerState>>;
    /// The members of one balancer, and the health of each.
    async fn health(&self, name: &BalancerName) -> Answer<BTreeMap<InstanceId, Health>>;
    /// Adds instances. Adding one that is a member changes nothing.
    async fn register(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()>;
    /// Removes instances, which starts their draining. Removing one that is not a member changes nothing.
    async fn deregister(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()>;
}

/// Instances. Readings may show them as they were before a write, for [`SHOWN_WITHIN`] at most.
///
/// [`SHOWN_WITHIN`]: cutover_core::observation::SHOWN_WITHIN
#[async_trait(?Send)]
pub trait Compute {
    /// Every instance tagged with the deployment, including terminated ones while the cloud still lists them.
    async fn instances(&self) -> Answer<Vec<Instance>>;
    /// Launches an instance. Idempotent for equal `token`. Returns before the instance is running.
    async fn launch(&self, permit: &Permit, launch: &Launch, image: &ImageId, token: &str) -> Answer<InstanceId>;
    /// Whether an instance exists and is neither terminated nor shutting down, whatever its tags. For an instance that
    /// was just launched, `false` proves nothing.
    async fn lives(&self, instance: &InstanceId) -> Answer<bool>;
    /// Starts to terminate an instance.
    async fn terminate(&self, permit: &Permit, instance: &InstanceId) -> Answer<()>;
}

/// Machine images. Readings may show them as they were before a write, for [`SHOWN_WITHIN`] at most.
///
/// [`SHOWN_WITHIN`]: cutover_core::observation::SHOWN_WITHIN
#[async_trait(?Send)]
pub trait Images {
    /// Every image tagged with the deployment, including unfinished ones, oldest first.
    async fn images(&self) -> Answer<Vec<MachineImage>>;
    /// Finds an image that is built by other means, under the name that the plan gives it.
    async fn build(&self, permit: &Permit, image: &BuildImage) -> Answer<ImageId>;
    /// The snapshots of an image's disks; none if the image is gone.
    async fn disks(&self, image: &ImageId) -> Answer<Vec<DiskId>>;
    /// Removes an image, but not the snapshots of its disks. Succeeds if the image is gone already.
    async fn remove(&self, permit: &Permit, image: &ImageId) -> Answer<()>;
    /// Removes the snapshot of a disk of an image that is gone. Succeeds if the snapshot is gone already.
    async fn remove_disk(&self, permit: &Permit, disk: &DiskId) -> Answer<()>;
}

/// Instances on which images are built. Readings may show them as they were before a write, for [`SHOWN_WITHIN`] at most.
///
/// [`SHOWN_WITHIN`]: cutover_core::observation::SHOWN_WITHIN
#[async_trait(?Send)]
pub trait Builders {
    /// The image that others are made from, if there is one.
    async fn base(&self, base: Base<'_>) -> Answer<Option<BaseImage>>;
    /// The instances on which an image of that name is built, or was: all that are still listed.
    async fn builders(&self, image: &ImageName) -> Answer<Vec<BuilderInstance>>;
    /// The same for all images of the deployment.
    async fn all_builders(&self) -> Answer<Vec<BuilderInstance>>;
    /// Launches an instance to build an image on. Idempotent for equal `token`. It terminates itself once it has lived twice as
    /// long as the build may take, in case nobody goes on with it.
    async fn launch_builder(
        &self,
        permit: &Permit,
        image: &BuildImage,
        builder: &Builder,
        token: &str,
        limit: Duration,
    ) -> Answer<InstanceId>;
    /// Starts to stop a builder, so that its disk is at rest.
    async fn stop_builder(&self, permit: &Permit, builder: &InstanceId) -> Answer<()>;
    /// Starts to make the image of a builder that is stopped. If there is one with that name and commit, that one is returned.
    async fn make_image(&self, permit: &Permit, image: &BuildImage, builder: &InstanceId) -> Answer<ImageId>;
    /// Makes hosts that are launched from an image ask with a token for what they are told about themselves (IMDSv2).
    async fn require_tokens(&self, permit: &Permit, image: &ImageId) -> Answer<()>;
    /// Starts to terminate a builder. Succeeds if it is gone already.
    async fn discard_builder(&self, permit: &Permit, builder: &InstanceId) -> Answer<()>;
}

/// Packer, on the machine where cutover runs. A build goes on without cutover, and is found again by its token.
#[async_trait(?Send)]
pub trait Packers {
    /// This machine.
    fn machine(&self) -> PackerMachine;
    /// Checks the template with what it would be given, and says with which Packer. Nothing is started or made.
    async fn check_template(&self, image: &BuildImage, packer: &Packer) -> Answer<String>;
    /// What has come of the build with that token.
    async fn packed(&self, token: &str) -> Answer<PackerBuild>;
    /// Starts Packer, unless the build with that token was started before. The template is checked first: one that Packer does not
    /// take, or whose images could not be found again, is refused, and nothing is started.
    async fn start_packer(&self, permit: &Permit, image: &BuildImage, packer: &Packer, token: &str) -> Answer<()>;
    /// Tells Packer to give up, once. It removes what it has made, which takes minutes. Succeeds if it has ended.
    async fn interrupt_packer(&self, permit: &Permit, token: &str) -> Answer<()>;
    /// Ends Packer and all that it has started at once. What it has made is left behind. Succeeds if it has ended.
    async fn kill_packer(&self, permit: &Permit, token: &str) -> Answer<()>;
    /// What the build with that token has left in the account, of what has its tag, and of what it says that it has made.
    async fn packer_rests(&self, token: &str, made: &PackerMade) -> Answer<Vec<PackerRest>>;
    /// Removes something that a build has left behind. Succeeds if it is gone already.
    async fn remove_packer_rest(&self, permit: &Permit, token: &str, rest: &PackerRest) -> Answer<()>;
}

/// The release branches of the fork, as a clone of it knows them.
#[async_trait(?Send)]
pub trait ReleaseBranches {
    /// What is known of a branch, and which of these commits have a ledger that accounts for every patch.
    async fn branch(&self, name: &str, commits: &BTreeSet<Arc<str>>) -> Answer<ReleaseBranch>;
}

/// Database instances. Readings may show snapshots as they were before a write, for [`SHOWN_WITHIN`] at most.
///
/// [`SHOWN_WITHIN`]: cutover_core::observation::SHOWN_WITHIN
#[async_trait(?Send)]
pub trait Databases {
    /// Those database instances that exist.
    async fn databases(&self, names: &[DatabaseName]) -> Answer<BTreeMap<DatabaseName, DatabaseState>>;
    /// The snapshot with that identifier, if it exists.
    async fn snapshot(&self, database: &DatabaseName, id: &SnapshotId) -> Answer<Option<Snapshot>>;
    /// Starts a snapshot. Fails as *permanent* if the identifier exists.
    async fn begin_snapshot(&self, permit: &Permit, database: &DatabaseName, id: &SnapshotId) -> Answer<()>;
}

/// The version of the page's object: S3's entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageVersion(pub String);

/// The page's object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageObject {
    /// Its text.
    pub text: String,
    /// Its version.
    pub version: PageVersion,
}

/// The maintenance page: the object and the distribution in front of it.
#[async_trait(?Send)]
pub trait Pages {
    /// The object, if it exists.
    async fn page(&self, bucket: &str, key: &str) -> Answer<Option<PageObject>>;
    /// Replaces the version of the object that was read; `None` if there was none. If the current version is another
    /// one, nothing changes and the failure is *not applied*.
    async fn put_page(
        &self,
        permit: &Permit,
        bucket: &str,
        key: &str,
        body: &str,
        instead_of: Option<&PageVersion>,
    ) -> Answer<()>;
    /// The distribution, if it exists.
    async fn distribution(&self, id: &str) -> Answer<Option<Distribution>>;
    /// Clears the distribution's cache of the page. Idempotent for equal `reference`.
    async fn invalidate(&self, permit: &Permit, distribution: &str, reference: &str) -> Answer<InvalidationId>;
    /// Whether an invalidation is complete.
    async fn invalidated(&self, distribution: &str, id: &InvalidationId) -> Answer<bool>;
}

/// Hosts, and what runs on them. What the commands are, and what their output means, is in `cutover_hosts`.
///
/// Jobs are durable: they outlive the connection and the conductor. A host refuses every change by a conductor whose epoch
/// is lower than the highest that it has seen: nothing changes, and the failure is *superseded*. A reading shows every
/// write that was answered.
#[async_trait(?Send)]
pub trait Hosts {
    /// Runs a command that changes nothing on the host, and may therefore be repeated. Any exit status is an answer, such as
    /// 127 for an unknown command, and 124 for one that the host has ended because of its limit.
    async fn ask(&self, host: &InstanceId, ask: &Ask) -> Answer<Said>;
    /// Makes the connection to a host that orders need, if there is none. It is called before the gate is asked for a permit,
    /// because connecting can take long, and wait for others. An order without a connection fails as *not applied*.
    async fn reach(&self, _host: &InstanceId) -> Answer<()> {
        Ok(())
    }
    /// Starts a job, unless one of its name was started before and has not been collected.
    async fn start_job(&self, permit: &Permit, host: &InstanceId, job: &Job) -> Answer<JobStart>;
    /// The state of a job, with its output from byte `offset` on, or as much of it as fits into an answer; `None` if it was
    /// never started, or has been collected.
    async fn job(&self, host: &InstanceId, name: &JobName, offset: u64) -> Answer<Option<JobReport>>;
    /// Sends a signal to all processes of a job. Returns whether it was running.
    async fn signal_job(&self, permit: &Permit, host: &InstanceId, name: &JobName, signal: Signal) -> Answer<bool>;
    /// Removes what is on record of a job. Fails as *permanent* while it runs. A job that is gone already is no failure.
    async fn collect_job(&self, permit: &Permit, host: &InstanceId, name: &JobName) -> Answer<()>;
}

/// A page as a visitor gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status; 0 if no answer came.
    pub status: u16,
    /// The body, or as much of it as checks need; without an answer, why none came.
    pub body: String,
}

/// The view from outside.
#[async_trait(?Send)]
pub trait Outside {
    /// Requests `https://{host}{path}`; with `pinned`, from that address instead of the one in DNS.
    async fn fetch(&self, host: &DnsName, path: &str, pinned: Option<&DnsName>) -> Answer<Page>;
    /// The certificate that `domain` presents for `host`.
    async fn certificate(&self, host: &DnsName, domain: &DnsName) -> Answer<Option<Certificate>>;
}

/// The parts of the account that an upgrade needs and does not create.
#[async_trait(?Send)]
pub trait Account {
    /// The identity of the caller, in the cloud's own words. Refused if the account is not the deployment's.
    async fn identity(&self) -> Answer<String>;
    /// Those subnets that exist.
    async fn subnets(&self, ids: &[String]) -> Answer<BTreeMap<String, Subnet>>;
    /// Those security groups that exist.
    async fn security_groups(&self, ids: &[String]) -> Answer<BTreeSet<String>>;
    /// The quotas that these numbers of launches of each instance type, and of database snapshots, might exceed.
    async fn quotas(&self, launches: &BTreeMap<String, u64>, snapshots: u64) -> Answer<Vec<Quota>>;
    /// When the credentials expire and can no longer be renewed; `None` if there is no limit.
    async fn credentials_until(&self) -> Answer<Option<Timestamp>>;
}

/// Messages to people.
#[async_trait(?Send)]
pub trait Announcer {
    /// Sends a message. Idempotent for equal `token`, if the channel supports that.
    async fn announce(&self, permit: &Permit, message: &Announce, token: &str) -> Answer<()>;
    /// Whether a message with that token is known to have been sent; `None` if the channel cannot be read.
    async fn announced(&self, token: &str) -> Answer<Option<bool>>;
}

/// The person who decides at gates.
#[async_trait(?Send)]
pub trait Operator {
    /// Asks the question, and waits for the answer without a time limit.
    async fn decide(&self, question: &Decide) -> Decided;
    /// A decision that was made by now, even if [`Operator::decide`] has not returned it yet. This is asked for at the
    /// end of a gate's time limit, which may have passed while this process was suspended. An operator who answers only
    /// while asked has none.
    async fn already_decided(&self, _question: &Decide) -> Option<Decided> {
        None
    }
}

/// A decision, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What was decided.
    pub decision: Decision,
    /// The last object of the inbox that this decision settles: the one that contained it, or an earlier one that a
    /// typed decision replaces.
    pub object: Option<String>,
}

/// The whole world behind the ports.
#[derive(Clone)]
pub struct World {
    /// Route 53 and the resolvers.
    pub dns: Rc<dyn Dns>,
    /// Load balancers.
    pub balancers: Rc<dyn Balancers>,
    /// Instances.
    pub compute: Rc<dyn Compute>,
    /// Machine images.
    pub images: Rc<dyn Images>,
    /// Instances on which images are built.
    pub builders: Rc<dyn Builders>,
    /// Packer.
    pub packers: Rc<dyn Packers>,
    /// Database instances.
    pub databases: Rc<dyn Databases>,
    /// The maintenance page.
    pub pages: Rc<dyn Pages>,
    /// What runs on hosts.
    pub hosts: Rc<dyn Hosts>,
    /// The view from outside.
    pub outside: Rc<dyn Outside>,
    /// What the upgrade needs of the account.
    pub account: Rc<dyn Account>,
    /// Messages to people.
    pub announcer: Rc<dyn Announcer>,
    /// The release branches of the fork.
    pub branches: Rc<dyn ReleaseBranches>,
    /// The options of an `aws` command that people type to reach the same account and region, each after a space.
    pub aws_options: String,
}
