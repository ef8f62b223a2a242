//! Readings of the world that many steps need at the same time, made once for all of them: for a hundred hosts that
//! boot at the same time, instances are listed once every few seconds, and not a hundred times.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use jiff::Timestamp;

use cutover_core::names::{BalancerName, HostName, InstanceId};
use cutover_core::observation::{Health, Instance, MachineImage};
use cutover_core::time::later;

use crate::ports::{Answer, Clock, World};

/// The maximum age of a reading that a step uses. It is shorter than the grace period after a write.
const AGE: Duration = Duration::from_secs(2);

type Reading<T> = Shared<LocalBoxFuture<'static, Answer<Rc<T>>>>;
type Kept<T> = (Timestamp, Reading<T>);

/// The instances of the deployment, indexed by id and by name, because a thousand steps may look up theirs.
pub(crate) struct Listing {
    instances: HashMap<InstanceId, Instance>,
    by_name: HashMap<HostName, Vec<InstanceId>>,
}

impl Listing {
    fn new(listed: Vec<Instance>) -> Self {
        let mut by_name: HashMap<HostName, Vec<InstanceId>> = HashMap::new();
        for instance in &listed {
            by_name.entry(instance.name.clone()).or_default().push(instance.id.clone());
        }
        let instances = listed.into_iter().map(|instance| (instance.id.clone(), instance)).collect();
        Self { instances, by_name }
    }

    /// Whether nothing is listed at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// The instance with that id.
    pub(crate) fn get(&self, id: &InstanceId) -> Option<&Instance> {
        self.instances.get(id)
    }

    /// The instances with that name, in the order in which they were listed.
    pub(crate) fn named(&self, name: &HostName) -> impl Iterator<Item = &Instance> {
        let ids = self.by_name.get(name).into_iter().flatten();
        ids.filter_map(|id| self.instances.get(id))
    }
}

/// The most recently started readings, with the time until which they are used.
pub(crate) struct Readings {
    world: World,
    clock: Rc<dyn Clock>,
    instances: RefCell<Option<Kept<Listing>>>,
    images: RefCell<Option<Kept<Vec<MachineImage>>>>,
    health: RefCell<BTreeMap<BalancerName, Option<Kept<BTreeMap<InstanceId, Health>>>>>,
}

impl Readings {
    /// No readings yet.
    #[must_use]
    pub(crate) fn new(world: World, clock: Rc<dyn Clock>) -> Self {
        Self { world, clock, instances: RefCell::default(), images: RefCell::default(), health: RefCell::default() }
    }

    /// Every instance of the deployment, from a recent reading.
    pub(crate) async fn instances(&self) -> Answer<Rc<Listing>> {
        let compute = Rc::clone(&self.world.compute);
        let reading = async move { compute.instances().await.map(Listing::new) };
        let reading = self.shared(&mut self.instances.borrow_mut(), reading);
        reading.await
    }

    /// The images of the deployment, oldest first, from a recent reading.
    pub(crate) async fn images(&self) -> Answer<Rc<Vec<MachineImage>>> {
        let images = Rc::clone(&self.world.images);
        let reading = self.shared(&mut self.images.borrow_mut(), async move { images.images().await });
        reading.await
    }

    /// The members of a balancer and the health of each, from a recent reading.
    pub(crate) async fn health(&self, name: &BalancerName) -> Answer<Rc<BTreeMap<InstanceId, Health>>> {
        let (balancers, asked) = (Rc::clone(&self.world.balancers), name.clone());
        let reading = async move { balancers.health(&asked).await };
        let reading = self.shared(self.health.borrow_mut().entry(name.clone()).or_default(), reading);
        reading.await
    }

    /// The kept reading, if it is recent and has not failed; otherwise a new one, which is kept. A step that asks again
    /// after a failure gets a new answer.
    fn shared<T: 'static>(
        &self,
        kept: &mut Option<Kept<T>>,
        reading: impl Future<Output = Answer<T>> + 'static,
    ) -> Reading<T> {
        let now = self.clock.now();
        let is_usable = |(until, kept): &&Kept<T>| now < *until && !matches!(kept.peek(), Some(Err(_)));
        if let Some((_, recent)) = kept.as_ref().filter(is_usable) {
            return recent.clone();
        }
        let reading = async { reading.await.map(Rc::new) }.boxed_local().shared();
        *kept = Some((later(now, AGE), reading.clone()));
        reading
    }
}
