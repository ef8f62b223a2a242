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
use cutover_core::observation::{Health, Instance};
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

/// The most recently started readings, with the time until which they are used. One that has failed is not used again:
/// whoever asks after that asks the world.
pub(crate) struct Readings {
    world: World,
    clock: Rc<dyn Clock>,
    instances: RefCell<Option<Kept<Listing>>>,
    health: RefCell<BTreeMap<BalancerName, Kept<BTreeMap<InstanceId, Health>>>>,
}

impl Readings {
    /// No readings yet.
    #[must_use]
    pub(crate) fn new(world: World, clock: Rc<dyn Clock>) -> Self {
        Self { world, clock, instances: RefCell::default(), health: RefCell::default() }
    }

    /// Every instance of the deployment, from a recent reading.
    pub(crate) async fn instances(&self) -> Answer<Rc<Listing>> {
        let kept = fresh(self.clock.now(), self.instances.borrow().as_ref());
        let reading = kept.unwrap_or_else(|| {
            let compute = Rc::clone(&self.world.compute);
            let listed = async move { compute.instances().await.map(|listed| Rc::new(Listing::new(listed))) };
            let reading = listed.boxed_local().shared();
            self.instances.replace(Some((self.until(), reading.clone())));
            reading
        });
        reading.await
    }

    /// The members of a balancer and the health of each, from a recent reading.
    pub(crate) async fn health(&self, name: &BalancerName) -> Answer<Rc<BTreeMap<InstanceId, Health>>> {
        let kept = fresh(self.clock.now(), self.health.borrow().get(name));
        let reading = kept.unwrap_or_else(|| {
            let (balancers, asked) = (Rc::clone(&self.world.balancers), name.clone());
            let reading = async move { balancers.health(&asked).await.map(Rc::new) }.boxed_local().shared();
            self.health.borrow_mut().insert(name.clone(), (self.until(), reading.clone()));
            reading
        });
        reading.await
    }

    fn until(&self) -> Timestamp {
        later(self.clock.now(), AGE)
    }
}

/// The reading that was kept, if it can be used at `now`.
fn fresh<T>(now: Timestamp, kept: Option<&Kept<T>>) -> Option<Reading<T>> {
    let has_failed = |reading: &Reading<T>| matches!(reading.peek(), Some(Err(_)));
    kept.filter(|(until, reading)| now < *until && !has_failed(reading)).map(|(_, reading)| reading.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::testing::at;

    type Known = Answer<Rc<u32>>;

    fn kept(answer: Known) -> Kept<u32> {
        (at(2), async move { answer }.boxed_local().shared())
    }

    #[test]
    fn a_failure_is_shared_only_by_those_who_wait_for_it() {
        let (now, failed) = (at(1), kept(Err(Failure::not_applied("no"))));
        assert!(fresh(now, Some(&failed)).is_some(), "nobody knows yet how it ends");
        assert!(failed.1.clone().now_or_never().is_some_and(|answer| answer.is_err()));
        assert!(fresh(now, Some(&failed)).is_none(), "whoever asks now asks the world");
        let answered = kept(Ok(Rc::new(7)));
        assert!(answered.1.clone().now_or_never().is_some_and(|answer| answer.is_ok()));
        assert!(fresh(now, Some(&answered)).is_some());
        assert!(fresh(at(2), Some(&answered)).is_none(), "it is too old");
    }
}
