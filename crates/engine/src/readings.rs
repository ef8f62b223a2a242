//! Readings of the world that many steps need at the same moment, made once for all of them: a hundred hosts that
//! boot side by side are one listing every few seconds, not a hundred.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use jiff::Timestamp;

use cutover_core::observation::Instance;
use cutover_core::time::later;

use crate::ports::{Answer, Clock, World};

/// How old a reading may be that a step makes use of. Shorter than the grace after a write.
const AGE: Duration = Duration::from_secs(2);

type Reading<T> = Shared<LocalBoxFuture<'static, Answer<Rc<T>>>>;
type Kept<T> = (Timestamp, Reading<T>);

/// The readings that were begun last, with the time until which they serve.
pub(crate) struct Readings {
    world: World,
    clock: Rc<dyn Clock>,
    instances: RefCell<Option<Kept<Vec<Instance>>>>,
}

impl Readings {
    /// No readings yet.
    #[must_use]
    pub(crate) fn new(world: World, clock: Rc<dyn Clock>) -> Self {
        Self { world, clock, instances: RefCell::default() }
    }

    /// Every instance of the deployment, as of a moment ago.
    pub(crate) async fn instances(&self) -> Answer<Rc<Vec<Instance>>> {
        let now = self.clock.now();
        let kept =
            self.instances.borrow().as_ref().filter(|(until, _)| now < *until).map(|(_, reading)| reading.clone());
        let reading = kept.unwrap_or_else(|| {
            let compute = Rc::clone(&self.world.compute);
            let reading = async move { compute.instances().await.map(Rc::new) }.boxed_local().shared();
            self.instances.replace(Some((later(now, AGE), reading.clone())));
            reading
        });
        reading.await
    }
}
