//! Simulated time: a clock that jumps to the next timer, and the executor that drives it.
//!
//! Days pass in milliseconds, always in the same order. Nothing here uses wall time or an async runtime.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_engine::ports::Clock;

/// Runs a future on the current thread. When it can only wait, the clock jumps to the earliest timer. Timers for the
/// same moment fire in the order in which they were first polled.
///
/// # Panics
/// When the future waits and there is no timer, because it would wait forever.
pub fn run<F: Future>(clock: &SimulatedClock, future: F) -> F::Output {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        while !woken.0.swap(false, Ordering::Relaxed) {
            assert!(
                clock.fire_next(),
                "deadlock at {}: the future waits, but not for the simulated clock",
                clock.now.get()
            );
        }
    }
}

/// A clock whose time changes only when [`run`] moves it to the next timer.
pub struct SimulatedClock {
    now: Cell<Timestamp>,
    /// The wakers, by moment and then by the order in which they were first polled.
    timers: RefCell<BTreeMap<(Timestamp, u64), Waker>>,
    timers_made: Cell<u64>,
}

impl SimulatedClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Rc<Self> {
        Rc::new(Self { now: Cell::new(start), timers: RefCell::default(), timers_made: Cell::new(0) })
    }

    /// Moves to the earliest timer and wakes it; `false` if there is none.
    fn fire_next(&self) -> bool {
        // The borrow ends before the waker runs: it may register or drop timers.
        let Some(((moment, _), waker)) = self.timers.borrow_mut().pop_first() else { return false };
        self.now.set(moment.max(self.now.get()));
        waker.wake();
        true
    }
}

#[async_trait(?Send)]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        Timer { clock: self, moment, number: None }.await;
    }
}

/// Waits for a moment of a simulated clock. When it is dropped, its timer is removed, so it does not move the clock.
struct Timer<'a> {
    clock: &'a SimulatedClock,
    moment: Timestamp,
    number: Option<u64>,
}

impl Future for Timer<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock;
        if clock.now.get() >= self.moment {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| {
            clock.timers_made.set(clock.timers_made.get() + 1);
            clock.timers_made.get()
        });
        clock.timers.borrow_mut().insert((self.moment, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.clock.timers.borrow_mut().remove(&(self.moment, number));
        }
    }
}

/// Whether the future of [`run`] was woken since it was last polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::{join_all, select};

    use super::*;

    fn start() -> Timestamp {
        "2021-01-01T00:00:00Z".parse().expect("a moment")
    }

    #[test]
    fn timers_fire_by_moment_and_then_in_the_order_of_waiting() {
        let clock = SimulatedClock::new(start());
        let order = RefCell::new(Vec::new());
        let wait = async |name: &'static str, seconds: u64| {
            clock.sleep(Duration::from_secs(seconds)).await;
            order.borrow_mut().push(name);
        };
        run(&clock, join_all([wait("c", 20), wait("a", 10), wait("b", 10), wait("d", 30)]));
        assert_eq!(*order.borrow(), ["a", "b", "c", "d"]);
        assert_eq!(clock.now().duration_since(start()).as_secs(), 30);
    }

    #[test]
    fn days_of_waiting_take_no_time() {
        let clock = SimulatedClock::new(start());
        run(&clock, clock.wait_for_date("2021-01-09T00:00:00Z".parse().expect("a moment")));
        assert_eq!(clock.now().to_string(), "2021-01-09T00:00:00Z");
    }

    #[test]
    fn a_wait_that_was_given_up_does_not_move_the_clock() {
        let clock = SimulatedClock::new(start());
        run(&clock, async {
            let short = Box::pin(clock.sleep(Duration::from_secs(1)));
            let long = Box::pin(clock.sleep(Duration::from_secs(3600)));
            drop(select(short, long).await);
            clock.sleep(Duration::from_secs(5)).await;
        });
        assert_eq!(clock.now().duration_since(start()).as_secs(), 6);
        assert!(clock.timers.borrow().is_empty());
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn waiting_for_nothing_is_a_deadlock_and_says_so() {
        run(&SimulatedClock::new(start()), std::future::pending::<()>());
    }
}
