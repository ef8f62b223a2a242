//! Readings of the world that many steps need at the same time, made once for all of them: for a hundred hosts that
//! boot at the same time, instances are listed once every few seconds, and not a hundred times.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};

use cutover_core::names::{BalancerName, HostName, InstanceId};
use cutover_core::observation::{Health, Instance, MachineImage};

use crate::moment::Moment;
use crate::ports::{Answer, Clock, World};

/// The maximum age of a reading that a step uses. It is shorter than the grace period after a write.
const AGE: Duration = Duration::from_secs(2);

type Reading<T> = Shared<LocalBoxFuture<'static, Answer<Rc<T>>>>;
/// A reading, and when it was started.
type Kept<T> = (Moment, Reading<T>);
/// The members of a balancer, and the health of each.
type Members = BTreeMap<InstanceId, Health>;

/// The instances of the deployment, in the order in which they were listed, and, once they were needed, their positions in
/// the order of their ids and of their names, because a thousand steps may look up theirs.
pub(crate) struct Listing {
    instances: Vec<Instance>,
    by_id: OnceCell<Vec<usize>>,
    by_name: OnceCell<Vec<usize>>,
}

impl Listing {
    fn new(instances: Vec<Instance>) -> Self {
        Self { instances, by_id: OnceCell::new(), by_name: OnceCell::new() }
    }

    /// The positions of all instances, in the order of what `key` returns.
    fn sorted_by<K: Ord>(&self, key: impl Fn(&Instance) -> &K) -> Vec<usize> {
        let mut positions: Vec<usize> = (0..self.instances.len()).collect();
        positions.sort_by(|one, other| key(&self.instances[*one]).cmp(key(&self.instances[*other])));
        positions
    }

    /// Whether nothing is listed at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// The instance with that id.
    pub(crate) fn get(&self, id: &InstanceId) -> Option<&Instance> {
        let by_id = self.by_id.get_or_init(|| self.sorted_by(|instance| &instance.id));
        let found = by_id.binary_search_by(|index| self.instances[*index].id.cmp(id)).ok()?;
        Some(&self.instances[by_id[found]])
    }

    /// The instances with that name, in the order in which they were listed.
    pub(crate) fn named(&self, name: &HostName) -> impl Iterator<Item = &Instance> {
        let by_name = self.by_name.get_or_init(|| self.sorted_by(|instance| &instance.name));
        let first = by_name.partition_point(|index| self.instances[*index].name < *name);
        by_name[first..].iter().map(|index| &self.instances[*index]).take_while(|found| found.name == *name)
    }
}

/// The most recently started readings, and when each was started.
pub(crate) struct Readings {
    world: World,
    clock: Rc<dyn Clock>,
    instances: RefCell<Option<Kept<Listing>>>,
    images: RefCell<Option<Kept<Vec<MachineImage>>>>,
    health: RefCell<BTreeMap<BalancerName, Option<Kept<Members>>>>,
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
        let reading = shared(self.clock.moment(), &mut self.instances.borrow_mut(), reading);
        reading.await
    }

    /// The images of the deployment, oldest first, from a recent reading.
    pub(crate) async fn images(&self) -> Answer<Rc<Vec<MachineImage>>> {
        let images = Rc::clone(&self.world.images);
        let reading = shared(self.clock.moment(), &mut self.images.borrow_mut(), async move { images.images().await });
        reading.await
    }

    /// The members of a balancer and the health of each, from a recent reading.
    pub(crate) async fn health(&self, name: &BalancerName) -> Answer<Rc<Members>> {
        let (balancers, asked) = (Rc::clone(&self.world.balancers), name.clone());
        let reading = async move { balancers.health(&asked).await };
        let reading = shared(self.clock.moment(), self.health.borrow_mut().entry(name.clone()).or_default(), reading);
        reading.await
    }
}

/// The kept reading, if it is recent at `now` and has not failed; otherwise a new one, which is kept. A step that asks
/// again after a failure gets a new answer.
fn shared<T: 'static>(
    now: Moment,
    kept: &mut Option<Kept<T>>,
    reading: impl Future<Output = Answer<T>> + 'static,
) -> Reading<T> {
    let is_usable =
        |(started, kept): &&Kept<T>| started.at_most_until(now) < AGE && !matches!(kept.peek(), Some(Err(_)));
    if let Some((_, recent)) = kept.as_ref().filter(is_usable) {
        return recent.clone();
    }
    let reading = async { reading.await.map(Rc::new) }.boxed_local().shared();
    *kept = Some((now, reading.clone()));
    reading
}

#[cfg(test)]
mod tests {
    use cutover_core::deployment::Role;
    use cutover_core::observation::InstanceState;

    use super::*;
    use crate::failure::Failure;
    use crate::testing::at;

    fn moment(seconds: u64) -> Moment {
        Moment { wall: at(seconds), up: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_failure_is_shared_only_by_those_who_wait_for_it() {
        let mut kept = None;
        let mut ask = |seconds, answer: Answer<u32>| shared(moment(seconds), &mut kept, async { answer });
        let (first, second) = (ask(0, Err(Failure::not_applied("no"))), ask(1, Ok(1)));
        assert!(first.now_or_never().is_some_and(|answer| answer.is_err()));
        assert!(second.now_or_never().is_some_and(|answer| answer.is_err()), "nobody knew yet how it would end");
        assert_eq!(ask(1, Ok(2)).now_or_never(), Some(Ok(Rc::new(2))), "whoever asks now asks the world");
        assert_eq!(ask(2, Ok(3)).now_or_never(), Some(Ok(Rc::new(2))), "it is recent");
        assert_eq!(ask(3, Ok(4)).now_or_never(), Some(Ok(Rc::new(4))), "it is too old");
    }

    #[test]
    fn a_reading_gets_too_old_on_either_clock() {
        let (set_back, suspended) =
            (Moment { wall: at(0), ..moment(3_605) }, Moment { up: Duration::from_secs(3_600), ..moment(3_605) });
        for now in [set_back, suspended] {
            let mut kept = None;
            let mut ask = |now, answer: u32| shared(now, &mut kept, async move { Ok(answer) }).now_or_never();
            assert_eq!(ask(moment(3_600), 1), Some(Ok(Rc::new(1))));
            assert_eq!(ask(now, 2), Some(Ok(Rc::new(2))), "five seconds have passed");
        }
    }

    fn instance(id: &str, name: &str) -> Instance {
        Instance {
            id: id.into(),
            name: name.into(),
            fleet: "live".into(),
            role: Role::Edxapp,
            version: "4".into(),
            launched: at(0),
            upgrade: None,
            state: InstanceState::Running,
            image: "ami-1".into(),
        }
    }

    #[test]
    fn instances_are_found_by_id_and_those_with_the_same_name_in_the_order_of_the_listing() {
        let listing = Listing::new(vec![instance("i-3", "b"), instance("i-1", "a"), instance("i-2", "b")]);
        let named = |name: &str| listing.named(&name.into()).map(|found| found.id.to_string()).collect::<Vec<_>>();
        assert_eq!([named("a"), named("b"), named("c")], [vec!["i-1"], vec!["i-3", "i-2"], vec![]]);
        for id in ["i-1", "i-2", "i-3"] {
            assert_eq!(listing.get(&id.into()).map(|found| found.id.as_str()), Some(id));
        }
        assert!(listing.get(&"i-4".into()).is_none() && !listing.is_empty());
    }
}
