//! Time that passes only while nobody waits for the network: a window of hours on moto takes as long as its calls do,
//! and polls as often as it would on AWS. Every port is wrapped, so that calls under way are known.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::account::{Quota, Subnet};
use cutover_core::names::{
    BalancerName, ChangeId, DatabaseName, DnsName, ImageId, InstanceId, InvalidationId, SnapshotId,
};
use cutover_core::observation::{
    BalancerState, Certificate, DatabaseState, Distribution, Health, Instance, MachineImage, Record, Snapshot,
};
use cutover_core::plan::{BuildImage, Launch, RecordTarget};
use cutover_engine::ports::{
    Account, Answer, Balancers, Clock, Compute, Databases, Dns, Images, Outside, Page, Pages, World,
};

/// A clock that jumps to the next timer when nothing else is left to do.
pub(crate) struct HurriedClock {
    now: Cell<Timestamp>,
    timers: RefCell<BTreeMap<(Timestamp, u64), Waker>>,
    begun: Cell<u64>,
    under_way: Cell<usize>,
}

impl HurriedClock {
    pub(crate) fn new(start: Timestamp) -> Rc<Self> {
        let (timers, begun, under_way) = Default::default();
        Rc::new(Self { now: Cell::new(start), timers, begun, under_way })
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

    async fn sleep_until(&self, moment: Timestamp) {
        let number = self.begun.get();
        self.begun.set(number + 1);
        let timer = Timer { clock: self, key: (moment, number) };
        poll_fn(|context| {
            if self.now.get() >= moment {
                return Poll::Ready(());
            }
            self.timers.borrow_mut().insert(timer.key, context.waker().clone());
            Poll::Pending
        })
        .await;
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

/// The same world, whose calls the clock knows of.
pub(crate) fn counted(world: &World, clock: &Rc<HurriedClock>) -> World {
    let counted = Rc::new(Counted { world: world.clone(), clock: Rc::clone(clock) });
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
    }
}

struct Counted {
    world: World,
    clock: Rc<HurriedClock>,
}

#[async_trait(?Send)]
impl Dns for Counted {
    async fn records(&self, zone: &str, names: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>> {
        self.clock.call(self.world.dns.records(zone, names)).await
    }

    async fn change_records(&self, zone: &str, records: &[RecordTarget]) -> Answer<ChangeId> {
        self.clock.call(self.world.dns.change_records(zone, records)).await
    }

    async fn in_sync(&self, change: &ChangeId) -> Answer<bool> {
        self.clock.call(self.world.dns.in_sync(change)).await
    }

    async fn ask_servers(&self, zone: &str, name: &DnsName) -> Answer<Vec<Option<DnsName>>> {
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
        self.clock.call(self.world.balancers.health(name)).await
    }

    async fn register(&self, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        self.clock.call(self.world.balancers.register(name, instances)).await
    }

    async fn deregister(&self, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        self.clock.call(self.world.balancers.deregister(name, instances)).await
    }
}

#[async_trait(?Send)]
impl Compute for Counted {
    async fn instances(&self) -> Answer<Vec<Instance>> {
        self.clock.call(self.world.compute.instances()).await
    }

    async fn launch(&self, launch: &Launch, image: &ImageId, token: &str) -> Answer<InstanceId> {
        self.clock.call(self.world.compute.launch(launch, image, token)).await
    }

    async fn lives(&self, instance: &InstanceId) -> Answer<bool> {
        self.clock.call(self.world.compute.lives(instance)).await
    }

    async fn terminate(&self, instance: &InstanceId) -> Answer<()> {
        self.clock.call(self.world.compute.terminate(instance)).await
    }
}

#[async_trait(?Send)]
impl Images for Counted {
    async fn images(&self) -> Answer<Vec<MachineImage>> {
        self.clock.call(self.world.images.images()).await
    }

    async fn build(&self, image: &BuildImage) -> Answer<ImageId> {
        self.clock.call(self.world.images.build(image)).await
    }

    async fn remove(&self, image: &ImageId) -> Answer<()> {
        self.clock.call(self.world.images.remove(image)).await
    }
}

#[async_trait(?Send)]
impl Databases for Counted {
    async fn databases(&self, names: &[DatabaseName]) -> Answer<BTreeMap<DatabaseName, DatabaseState>> {
        self.clock.call(self.world.databases.databases(names)).await
    }

    async fn snapshot(&self, database: &DatabaseName, id: &SnapshotId) -> Answer<Option<Snapshot>> {
        self.clock.call(self.world.databases.snapshot(database, id)).await
    }

    async fn begin_snapshot(&self, database: &DatabaseName, id: &SnapshotId) -> Answer<()> {
        self.clock.call(self.world.databases.begin_snapshot(database, id)).await
    }
}

#[async_trait(?Send)]
impl Pages for Counted {
    async fn page(&self, bucket: &str, key: &str) -> Answer<Option<String>> {
        self.clock.call(self.world.pages.page(bucket, key)).await
    }

    async fn put_page(&self, bucket: &str, key: &str, body: &str) -> Answer<()> {
        self.clock.call(self.world.pages.put_page(bucket, key, body)).await
    }

    async fn distribution(&self, id: &str) -> Answer<Option<Distribution>> {
        self.clock.call(self.world.pages.distribution(id)).await
    }

    async fn invalidate(&self, distribution: &str, reference: &str) -> Answer<InvalidationId> {
        self.clock.call(self.world.pages.invalidate(distribution, reference)).await
    }

    async fn invalidated(&self, distribution: &str, id: &InvalidationId) -> Answer<bool> {
        self.clock.call(self.world.pages.invalidated(distribution, id)).await
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
