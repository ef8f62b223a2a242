//! Time that passes only while nobody waits for the network: a window of hours on moto takes as long as its calls do.
//! Every port is wrapped, so that calls under way are known; and what moto has done at once takes as long as on AWS, so
//! that it is polled as often.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_core::account::{Quota, Subnet};
use cutover_core::names::{
    BalancerName, ChangeId, DatabaseName, DiskId, DnsName, ImageId, InstanceId, InvalidationId, SnapshotId,
};
use cutover_core::observation::{
    BalancerState, Certificate, DatabaseState, Distribution, Health, Instance, InstanceState, MachineImage, Record,
    Snapshot,
};
use cutover_core::plan::{BuildImage, Launch, RecordTarget};
use cutover_core::time::{between, later};
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{
    Account, Answer, Balancers, Clock, Compute, Databases, Dns, Images, Outside, Page, PageObject, PageVersion, Pages,
    ServerAnswer, World,
};

/// A clock that jumps to the next timer when nothing else is left to do.
pub(crate) struct HurriedClock {
    now: Cell<Timestamp>,
    timers: RefCell<BTreeMap<(Timestamp, u64), Waker>>,
    started: Cell<u64>,
    under_way: Cell<usize>,
}

impl HurriedClock {
    pub(crate) fn new(start: Timestamp) -> Rc<Self> {
        let (timers, started, under_way) = Default::default();
        Rc::new(Self { now: Cell::new(start), timers, started, under_way })
    }

    /// Does the work, in time of this clock.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            loop {
                if let Poll::Ready(done) = work.as_mut().poll(context) {
                    return Poll::Ready(done);
                }
                // The network will wake us.
                if self.under_way.get() > 0 || !self.jump() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Goes to the next timer; whether there was one.
    fn jump(&self) -> bool {
        let Some(((moment, _), waker)) = self.timers.borrow_mut().pop_first() else { return false };
        self.now.set(self.now.get().max(moment));
        waker.wake();
        true
    }

    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let _under_way = UnderWay::begin(&self.under_way);
        call.await
    }
}

/// A call under way; abandoned ones count no more.
struct UnderWay<'a>(&'a Cell<usize>);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[async_trait(?Send)]
impl Clock for HurriedClock {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn up(&self) -> Duration {
        between(Timestamp::UNIX_EPOCH, self.now())
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        let (moment, number) = (later(self.now(), length), self.started.get());
        self.started.set(number + 1);
        let timer = Timer { clock: self, key: (moment, number) };
        Box::pin(poll_fn(move |context| {
            if self.now.get() >= moment {
                return Poll::Ready(());
            }
            self.timers.borrow_mut().insert(timer.key, context.waker().clone());
            Poll::Pending
        }))
    }
}

/// A timer that goes when nobody waits for it any more.
struct Timer<'a> {
    clock: &'a HurriedClock,
    key: (Timestamp, u64),
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.clock.timers.borrow_mut().remove(&self.key);
    }
}

/// How long AWS takes for what moto has done at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slowness {
    /// From a launch until the status checks pass.
    pub(crate) boot: Duration,
    /// Until a change of records is in sync.
    pub(crate) dns_sync: Duration,
    /// Until an invalidation is complete.
    pub(crate) invalidation: Duration,
    /// Until a snapshot is available.
    pub(crate) snapshot: Duration,
    /// From being registered until being in service.
    pub(crate) in_service: Duration,
    /// Until a host that was taken out is drained.
    pub(crate) draining: Duration,
}

/// The same world, whose calls the clock knows of.
pub(crate) fn counted(world: &World, clock: &Rc<HurriedClock>, slowness: Slowness) -> World {
    let (world_of, made) = (world.clone(), RefCell::default());
    let counted = Rc::new(Counted { world: world_of, clock: Rc::clone(clock), slowness, made });
    World {
        dns: Rc::clone(&counted) as _,
        balancers: Rc::clone(&counted) as _,
        compute: Rc::clone(&counted) as _,
        images: Rc::clone(&counted) as _,
        databases: Rc::clone(&counted) as _,
        pages: Rc::clone(&counted) as _,
        outside: Rc::clone(&counted) as _,
        account: counted,
        hosts: Rc::clone(&world.hosts),
        announcer: Rc::clone(&world.announcer),
        builders: Rc::clone(&world.builders),
        branches: Rc::clone(&world.branches),
        packers: Rc::clone(&world.packers),
        aws_options: world.aws_options.clone(),
    }
}

struct Counted {
    world: World,
    clock: Rc<HurriedClock>,
    slowness: Slowness,
    /// When what was asked for was asked for, by words that name it.
    made: RefCell<BTreeMap<String, Timestamp>>,
}

impl Counted {
    /// Puts down that something was asked for now, unless it was before.
    fn make(&self, what: String) {
        self.made.borrow_mut().entry(what).or_insert(self.clock.now());
    }

    /// Whether something was asked for less than `length` ago.
    fn is_recent(&self, what: &str, length: Duration) -> bool {
        let made = self.made.borrow().get(what).copied();
        made.is_some_and(|made| between(made, self.clock.now()) < length)
    }

    /// What was registered is not yet in service, and what was taken out not yet drained.
    fn slowed(&self, name: &BalancerName, health: &mut BTreeMap<InstanceId, Health>) {
        for (id, health) in health.iter_mut() {
            if self.is_recent(&format!("{name} has {id}"), self.slowness.in_service) {
                *health = Health::Registering;
            }
        }
        let leaving = format!("{name} loses ");
        for (what, made) in self.made.borrow().iter().filter(|(what, _)| what.starts_with(&leaving)) {
            if between(*made, self.clock.now()) < self.slowness.draining {
                health.insert(what[leaving.len()..].into(), Health::Draining);
            }
        }
    }
}

#[async_trait(?Send)]
impl Dns for Counted {
    async fn records(&self, zone: &str, names: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>> {
        self.clock.call(self.world.dns.records(zone, names)).await
    }

    async fn fence(&self, zone: &str, name: &DnsName) -> Answer<Option<FenceRecord>> {
        self.clock.call(self.world.dns.fence(zone, name)).await
    }

    async fn change_records(
        &self,
        permit: &Permit,
        zone: &str,
        records: &[RecordTarget],
        fence: &FenceChange,
    ) -> Answer<ChangeId> {
        let change = self.clock.call(self.world.dns.change_records(permit, zone, records, fence)).await?;
        self.make(change.to_string());
        Ok(change)
    }

    async fn in_sync(&self, change: &ChangeId) -> Answer<bool> {
        let in_sync = self.clock.call(self.world.dns.in_sync(change)).await?;
        Ok(in_sync && !self.is_recent(change.as_str(), self.slowness.dns_sync))
    }

    async fn ask_servers(&self, zone: &str, name: &DnsName) -> Answer<Vec<ServerAnswer>> {
        self.clock.call(self.world.dns.ask_servers(zone, name)).await
    }

    async fn ask_resolver(&self, resolver: IpAddr, name: &DnsName) -> Answer<Option<DnsName>> {
        self.clock.call(self.world.dns.ask_resolver(resolver, name)).await
    }
}

#[async_trait(?Send)]
impl Balancers for Counted {
    async fn balancers(&self, names: &[BalancerName]) -> Answer<BTreeMap<BalancerName, BalancerState>> {
        self.clock.call(self.world.balancers.balancers(names)).await
    }

    async fn health(&self, name: &BalancerName) -> Answer<BTreeMap<InstanceId, Health>> {
        let mut health = self.clock.call(self.world.balancers.health(name)).await?;
        self.slowed(name, &mut health);
        Ok(health)
    }

    async fn register(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        instances.iter().for_each(|id| self.make(format!("{name} has {id}")));
        self.clock.call(self.world.balancers.register(permit, name, instances)).await
    }

    async fn deregister(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        instances.iter().for_each(|id| self.make(format!("{name} loses {id}")));
        self.clock.call(self.world.balancers.deregister(permit, name, instances)).await
    }
}

#[async_trait(?Send)]
impl Compute for Counted {
    async fn instances(&self) -> Answer<Vec<Instance>> {
        let mut instances = self.clock.call(self.world.compute.instances()).await?;
        for instance in &mut instances {
            if self.is_recent(instance.id.as_str(), self.slowness.boot) {
                instance.state = InstanceState::Booting;
            }
        }
        Ok(instances)
    }

    async fn launch(&self, permit: &Permit, launch: &Launch, image: &ImageId, token: &str) -> Answer<InstanceId> {
        let id = self.clock.call(self.world.compute.launch(permit, launch, image, token)).await?;
        self.make(id.to_string());
        Ok(id)
    }

    async fn lives(&self, instance: &InstanceId) -> Answer<bool> {
        self.clock.call(self.world.compute.lives(instance)).await
    }

    async fn terminate(&self, permit: &Permit, instance: &InstanceId) -> Answer<()> {
        self.clock.call(self.world.compute.terminate(permit, instance)).await
    }
}

#[async_trait(?Send)]
impl Images for Counted {
    async fn images(&self) -> Answer<Vec<MachineImage>> {
        self.clock.call(self.world.images.images()).await
    }

    async fn build(&self, permit: &Permit, image: &BuildImage) -> Answer<ImageId> {
        self.clock.call(self.world.images.build(permit, image)).await
    }

    async fn disks(&self, image: &ImageId) -> Answer<Vec<DiskId>> {
        self.clock.call(self.world.images.disks(image)).await
    }

    async fn remove(&self, permit: &Permit, image: &ImageId) -> Answer<()> {
        self.clock.call(self.world.images.remove(permit, image)).await
    }

    async fn remove_disk(&self, permit: &Permit, disk: &DiskId) -> Answer<()> {
        self.clock.call(self.world.images.remove_disk(permit, disk)).await
    }
}

#[async_trait(?Send)]
impl Databases for Counted {
    async fn databases(&self, names: &[DatabaseName]) -> Answer<BTreeMap<DatabaseName, DatabaseState>> {
        self.clock.call(self.world.databases.databases(names)).await
    }

    async fn snapshot(&self, database: &DatabaseName, id: &SnapshotId) -> Answer<Option<Snapshot>> {
        let snapshot = self.clock.call(self.world.databases.snapshot(database, id)).await?;
        let is_recent = self.is_recent(id.as_str(), self.slowness.snapshot);
        Ok(snapshot.map(|snapshot| Snapshot { available: snapshot.available && !is_recent, ..snapshot }))
    }

    async fn begin_snapshot(&self, permit: &Permit, database: &DatabaseName, id: &SnapshotId) -> Answer<()> {
        self.make(id.to_string());
        self.clock.call(self.world.databases.begin_snapshot(permit, database, id)).await
    }
}

#[async_trait(?Send)]
impl Pages for Counted {
    async fn page(&self, bucket: &str, key: &str) -> Answer<Option<PageObject>> {
        self.clock.call(self.world.pages.page(bucket, key)).await
    }

    async fn put_page(
        &self,
        permit: &Permit,
        bucket: &str,
        key: &str,
        body: &str,
        instead_of: Option<&PageVersion>,
    ) -> Answer<()> {
        self.clock.call(self.world.pages.put_page(permit, bucket, key, body, instead_of)).await
    }

    async fn distribution(&self, id: &str) -> Answer<Option<Distribution>> {
        self.clock.call(self.world.pages.distribution(id)).await
    }

    async fn invalidate(&self, permit: &Permit, distribution: &str, reference: &str) -> Answer<InvalidationId> {
        let invalidation = self.clock.call(self.world.pages.invalidate(permit, distribution, reference)).await?;
        self.make(invalidation.to_string());
        Ok(invalidation)
    }

    async fn invalidated(&self, distribution: &str, id: &InvalidationId) -> Answer<bool> {
        let done = self.clock.call(self.world.pages.invalidated(distribution, id)).await?;
        Ok(done && !self.is_recent(id.as_str(), self.slowness.invalidation))
    }
}

#[async_trait(?Send)]
impl Outside for Counted {
    async fn fetch(&self, host: &DnsName, path: &str, pinned: Option<&DnsName>) -> Answer<Page> {
        self.clock.call(self.world.outside.fetch(host, path, pinned)).await
    }

    async fn certificate(&self, host: &DnsName, domain: &DnsName) -> Answer<Option<Certificate>> {
        self.clock.call(self.world.outside.certificate(host, domain)).await
    }
}

#[async_trait(?Send)]
impl Account for Counted {
    async fn identity(&self) -> Answer<String> {
        self.clock.call(self.world.account.identity()).await
    }

    async fn subnets(&self, ids: &[String]) -> Answer<BTreeMap<String, Subnet>> {
        self.clock.call(self.world.account.subnets(ids)).await
    }

    async fn security_groups(&self, ids: &[String]) -> Answer<BTreeSet<String>> {
        self.clock.call(self.world.account.security_groups(ids)).await
    }

    async fn quotas(&self, launches: &BTreeMap<String, u64>, snapshots: u64) -> Answer<Vec<Quota>> {
        self.clock.call(self.world.account.quotas(launches, snapshots)).await
    }

    async fn credentials_until(&self) -> Answer<Option<Timestamp>> {
        self.clock.call(self.world.account.credentials_until()).await
    }
}
