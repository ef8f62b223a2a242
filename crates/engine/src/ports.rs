//! What the engine needs of the world: small ports that AWS and the embedded cloud both implement.
//!
//! What changes the world takes a [`Permit`], which only the gate makes: nothing can be changed in passing. Ports make a
//! call once and report what became of it; whether it is made again is decided in `retry`.
//!
//! Every call either says what it did or fails with a [`Failure`] whose class says what is known now. Calls that
//! create something carry a name or token that the plan chose, so that making one twice is making it once.
//! Reading calls never change anything, so one that fails leaves nothing in doubt: it fails as *not applied*.
//! Futures need not be `Send`: a conductor runs on one thread.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_core::account::{Quota, Subnet};
use cutover_core::deployment::SmokeTest;
use cutover_core::journal::Decision;
use cutover_core::names::{
    BalancerName, ChangeId, DatabaseName, DiskId, DnsName, FleetName, ImageId, InstanceId, InvalidationId, JobName,
    ProgramName, SnapshotId,
};
use cutover_core::observation::{
    BalancerState, Certificate, DatabaseState, Distribution, Health, Instance, MachineImage, Record, Snapshot,
};
use cutover_core::plan::{Announce, BuildImage, Decide, Launch, Migrate, RecordTarget};

use crate::failure::Failure;
use crate::fence::{FenceChange, FenceRecord};
use crate::gate::Permit;

/// The answer of a port.
pub type Answer<T> = Result<T, Failure>;

/// The one clock. Nothing else in the engine knows what time it is.
#[async_trait(?Send)]
pub trait Clock {
    /// The upgrade's time.
    fn now(&self) -> Timestamp;

    /// Waits until `moment`. In an embedded cloud across processes this passes at the cloud's pace.
    async fn sleep_until(&self, moment: Timestamp);

    /// Waits for a date of the calendar, such as the start of the window. An embedded cloud jumps there.
    async fn wait_for_date(&self, moment: Timestamp) {
        self.sleep_until(moment).await;
    }

    /// Waits for `length` from now on.
    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        self.sleep_until(cutover_core::time::later(self.now(), length))
    }
}

/// Route 53 and the resolvers.
#[async_trait(?Send)]
pub trait Dns {
    /// The records of those names that exist, as the zone has them.
    async fn records(&self, zone: &str, names: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>>;
    /// The record that says which conductor has changed records last, as it is listed, if it is there.
    async fn fence(&self, zone: &str, name: &DnsName) -> Answer<Option<FenceRecord>>;
    /// Makes the records so, in one atomic batch, of which the fence is a part: where it is not as told, nothing is changed,
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
    async fn ask_servers(&self, zone: &str, name: &DnsName) -> Answer<Vec<Option<DnsName>>>;
    /// What a recursive resolver answers for a name: its CNAME target.
    async fn ask_resolver(&self, resolver: IpAddr, name: &DnsName) -> Answer<Option<DnsName>>;
}

/// Load balancers of both kinds. Readings may show members as they were before a write, for [`SHOWN_WITHIN`] at most.
///
/// [`SHOWN_WITHIN`]: cutover_core::observation::SHOWN_WITHIN
#[async_trait(?Send)]
pub trait Balancers {
    /// Those balancers that exist, with settings and members.
    async fn balancers(&self, names: &[BalancerName]) -> Answer<BTreeMap<BalancerName, BalancerState>>;
    /// The members of one balancer and its opinion of each.
    async fn health(&self, name: &BalancerName) -> Answer<BTreeMap<InstanceId, Health>>;
    /// Adds instances. Adding one that is there changes nothing.
    async fn register(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()>;
    /// Removes instances; draining begins. Removing one that is not there changes nothing.
    async fn deregister(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()>;
}

/// Instances. Readings may show them as they were before a write, for [`SHOWN_WITHIN`] at most.
///
/// [`SHOWN_WITHIN`]: cutover_core::observation::SHOWN_WITHIN
#[async_trait(?Send)]
pub trait Compute {
    /// Every instance tagged with the deployment, gone ones too while the cloud still lists them.
    async fn instances(&self) -> Answer<Vec<Instance>>;
    /// Launches an instance; `token` makes launching twice launching once. Answers before it is up.
    async fn launch(&self, permit: &Permit, launch: &Launch, image: &ImageId, token: &str) -> Answer<InstanceId>;
    /// Whether an instance is there and not gone or going, whatever its tags say. Of one that was just launched, "no" is
    /// no proof.
    async fn lives(&self, instance: &InstanceId) -> Answer<bool>;
    /// Begins to terminate an instance.
    async fn terminate(&self, permit: &Permit, instance: &InstanceId) -> Answer<()>;
}

/// Machine images. Readings may show them as they were before a write, for [`SHOWN_WITHIN`] at most.
///
/// [`SHOWN_WITHIN`]: cutover_core::observation::SHOWN_WITHIN
#[async_trait(?Send)]
pub trait Images {
    /// Every image tagged with the deployment, unfinished ones too, oldest first.
    async fn images(&self) -> Answer<Vec<MachineImage>>;
    /// Begins to build an image. A build of a name that is under way or done is that build.
    async fn build(&self, permit: &Permit, image: &BuildImage) -> Answer<ImageId>;
    /// The snapshots that an image's disks are made from; none of an image that is gone.
    async fn disks(&self, image: &ImageId) -> Answer<Vec<DiskId>>;
    /// Removes an image. One that is gone is removed. Its disks stay.
    async fn remove(&self, permit: &Permit, image: &ImageId) -> Answer<()>;
    /// Removes a disk of an image that is gone. One that is gone is removed.
    async fn remove_disk(&self, permit: &Permit, disk: &DiskId) -> Answer<()>;
}

/// Database instances. Readings may show snapshots as they were before a write, for [`SHOWN_WITHIN`] at most.
///
/// [`SHOWN_WITHIN`]: cutover_core::observation::SHOWN_WITHIN
#[async_trait(?Send)]
pub trait Databases {
    /// Those database instances that exist.
    async fn databases(&self, names: &[DatabaseName]) -> Answer<BTreeMap<DatabaseName, DatabaseState>>;
    /// A snapshot of that identifier, if there is one.
    async fn snapshot(&self, database: &DatabaseName, id: &SnapshotId) -> Answer<Option<Snapshot>>;
    /// Begins a snapshot. An identifier that exists is refused for good.
    async fn begin_snapshot(&self, permit: &Permit, database: &DatabaseName, id: &SnapshotId) -> Answer<()>;
}

/// What tells a version of the page's object from every other: S3's entity tag.
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
    /// Writes the object in the place of the version that was read; nothing when there was none. Where it is another by now,
    /// nothing is changed, and the failure is *not applied*.
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
    /// Makes the distribution forget what it has cached; `reference` makes asking twice asking once.
    async fn invalidate(&self, permit: &Permit, distribution: &str, reference: &str) -> Answer<InvalidationId>;
    /// Whether an invalidation is complete.
    async fn invalidated(&self, distribution: &str, id: &InvalidationId) -> Answer<bool>;
}

/// What a supervisor program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramState {
    /// Not running.
    Stopped,
    /// Started, not yet answering.
    Starting,
    /// Running and answering.
    Running,
    /// Told to stop, still running.
    Stopping,
    /// Could not be kept running.
    Failed,
}

/// A job on a host: what it has printed from an offset on, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobProgress {
    /// What it printed from the asked offset on.
    pub output: String,
    /// Its exit status, when it has ended.
    pub exit: Option<i32>,
}

/// What starting a job came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStart {
    /// It was started.
    Started,
    /// A job of that name was started before, and nothing was done.
    Found,
}

/// What runs on hosts.
#[async_trait(?Send)]
pub trait Hosts {
    /// The states of programs on a host.
    async fn programs(
        &self,
        host: &InstanceId,
        programs: &[ProgramName],
    ) -> Answer<BTreeMap<ProgramName, ProgramState>>;
    /// Tells programs to stop; answers at once. Telling twice is telling once.
    async fn stop(
        &self,
        permit: &Permit,
        host: &InstanceId,
        supervisorctl: &str,
        programs: &[ProgramName],
    ) -> Answer<()>;
    /// Tells programs to start; answers at once. Telling twice is telling once.
    async fn start(
        &self,
        permit: &Permit,
        host: &InstanceId,
        supervisorctl: &str,
        programs: &[ProgramName],
    ) -> Answer<()>;
    /// Kills programs that do not stop.
    async fn kill(&self, permit: &Permit, host: &InstanceId, programs: &[ProgramName]) -> Answer<()>;
    /// Runs a smoke test: its exit status and what it printed.
    async fn smoke_test(&self, host: &InstanceId, test: &SmokeTest) -> Answer<(i32, String)>;
    /// The number of tasks that wait or run in a fleet's queues.
    async fn queued_tasks(&self, fleet: &FleetName) -> Answer<u32>;
    /// The number of migrations that a migration command would still apply, by its list command on a host; nothing
    /// when it has no list command.
    async fn pending_migrations(&self, host: &InstanceId, migrate: &Migrate) -> Answer<Option<u32>>;
    /// Starts a migration as a job of the host, and says whether it did: a name that was started before is that job.
    async fn start_job(&self, permit: &Permit, host: &InstanceId, migrate: &Migrate) -> Answer<JobStart>;
    /// The job of that name on a host, with its output from `offset` on; nothing when it was never started.
    async fn job(&self, host: &InstanceId, job: &JobName, offset: u64) -> Answer<Option<JobProgress>>;
}

/// A page as somebody outside gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The body, or as much of it as checks need.
    pub body: String,
}

/// The view from outside.
#[async_trait(?Send)]
pub trait Outside {
    /// Asks for `https://{host}{path}`; with `pinned`, from that address instead of where DNS points.
    async fn fetch(&self, host: &DnsName, path: &str, pinned: Option<&DnsName>) -> Answer<Page>;
    /// The certificate that `domain` presents for `host`.
    async fn certificate(&self, host: &DnsName, domain: &DnsName) -> Answer<Option<Certificate>>;
}

/// What of the account an upgrade needs and does not make itself.
#[async_trait(?Send)]
pub trait Account {
    /// Who acts, in the cloud's own words. Refused when the account is not the one that the deployment belongs to.
    async fn identity(&self) -> Answer<String>;
    /// Those subnets that exist.
    async fn subnets(&self, ids: &[String]) -> Answer<BTreeMap<String, Subnet>>;
    /// Those security groups that exist.
    async fn security_groups(&self, ids: &[String]) -> Answer<BTreeSet<String>>;
    /// The quotas that so many launches of each instance type, and so many snapshots of databases, could meet.
    async fn quotas(&self, launches: &BTreeMap<String, u64>, snapshots: u64) -> Answer<Vec<Quota>>;
    /// Until when the credentials can be used or renewed; nothing when there is no limit.
    async fn credentials_until(&self) -> Answer<Option<Timestamp>>;
}

/// Messages to people.
#[async_trait(?Send)]
pub trait Announcer {
    /// Sends a message; `token` makes sending twice sending once where the channel can tell.
    async fn announce(&self, permit: &Permit, message: &Announce, token: &str) -> Answer<()>;
    /// Whether a message of that token is known to have been sent; nothing when the channel cannot be read back.
    async fn announced(&self, token: &str) -> Answer<Option<bool>>;
}

/// Somebody who decides at gates.
#[async_trait(?Send)]
pub trait Operator {
    /// Asks, and waits for the answer as long as it takes.
    async fn decide(&self, question: &Decide) -> Decided;
}

/// A decision, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What was decided.
    pub decision: Decision,
    /// The last object of the inbox that is settled by it: the one that held it, or one that a typed decision has overtaken.
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
}
