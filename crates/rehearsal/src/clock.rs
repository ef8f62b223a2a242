//! Simulated time: a clock that jumps to the next timer, and the executor that drives it.
//!
//! Days pass in milliseconds, always in the same order. Nothing here uses wall time or an async runtime.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_core::time::{between, later};
use cutover_engine::ports::Clock;

use crate::timers::{TimerId, Timers};

/// Runs a future on the current thread. When it can only wait, the clock jumps to the earliest timer. Timers for the
/// same moment fire in the order in which they were first polled.
///
/// # Panics
/// When the future would never end: it waits and no timer is left, it goes on without letting time pass, or it still
/// waits a hundred years later. A loop that never awaits anything cannot be noticed here.
pub fn run<F: Future>(clock: &SimulatedClock, future: F) -> F::Output {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        clock.count_turn();
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

/// How far simulated time may go. The longest upgrades take a few thousand days.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How often something may be polled or waited for at the same moment. Ten thousand hosts that all wait for the same
/// moment need about a fiftieth of it.
const MOST_TURNS: u64 = 1_000_000;

/// A clock that stands still until [`run`] moves it to the next moment that somebody waits for.
pub struct SimulatedClock {
    start: Timestamp,
    now: Cell<Timestamp>,
    /// The moment that no wait may lead beyond.
    end: Timestamp,
    /// How often something was polled or waited for since the clock last moved.
    turns: Cell<u64>,
    /// In the order of their moments, and then of first waiting.
    timers: RefCell<Timers>,
}

impl SimulatedClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Rc<Self> {
        Rc::new(Self {
            start,
            now: Cell::new(start),
            end: later(start, LONGEST),
            turns: Cell::new(0),
            timers: RefCell::default(),
        })
    }

    /// Notes that somebody goes on at the current moment, which nobody may do endlessly.
    fn count_turn(&self) {
        self.turns.set(self.turns.get() + 1);
        assert!(
            self.turns.get() <= MOST_TURNS,
            "endless loop at {}: the future goes on and on without letting simulated time pass",
            self.now.get()
        );
    }

    /// Moves to the earliest timer and wakes it; `false` if there is none.
    fn fire_next(&self) -> bool {
        // The borrow ends before the waker runs: it may register or drop timers.
        let Some((moment, waker)) = self.timers.borrow_mut().take_next() else { return false };
        if moment > self.now.get() {
            assert!(moment <= self.end, "endless wait: at {} the next thing to wait for is {moment}", self.now.get());
            self.now.set(moment);
            self.turns.set(0);
        }
        waker.wake();
        true
    }
}

#[async_trait(?Send)]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn up(&self) -> Duration {
        between(self.start, self.now())
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        Box::pin(Timer { clock: self, moment: later(self.now(), length), timer: None })
    }
}

/// Waits for a moment of a simulated clock. When it is dropped, its timer is removed, so it does not move the clock.
struct Timer<'a> {
    clock: &'a SimulatedClock,
    moment: Timestamp,
    /// Once it waits.
    timer: Option<TimerId>,
}

impl Future for Timer<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock;
        clock.count_turn();
        if clock.now.get() >= self.moment {
            return Poll::Ready(());
        }
        let mut timers = clock.timers.borrow_mut();
        match self.timer {
            Some(timer) => timers.set_waker(timer, context.waker()),
            None => self.timer = Some(timers.add(self.moment, context.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.clock.timers.borrow_mut().remove(timer);
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
    #[test]
    #[should_panic(expected = "endless loop at 2021-01-01T00:00:10Z")]
    fn waiting_again_and_again_for_a_moment_that_has_passed_is_an_endless_loop_and_says_so() {
        let clock = SimulatedClock::new(start());
        run(&clock, async {
            clock.sleep(Duration::from_secs(10)).await;
            loop {
                clock.sleep(Duration::ZERO).await;
            }
        });
    }

    #[test]
    #[should_panic(expected = "endless loop")]
    fn waking_oneself_again_and_again_is_an_endless_loop_and_says_so() {
        run(
            &SimulatedClock::new(start()),
            std::future::poll_fn(|context| -> Poll<()> {
                context.waker().wake_by_ref();
                Poll::Pending
            }),
        );
    }

    #[test]
    #[should_panic(expected = "endless wait")]
    fn polling_for_what_never_happens_is_an_endless_wait_and_says_so() {
        let clock = SimulatedClock::new(start());
        run(&clock, async {
            loop {
                clock.sleep(Duration::from_secs(86_400)).await;
            }
        });
    }

    #[test]
    fn ten_thousand_hosts_may_wait_for_the_same_moment_and_a_migration_may_take_a_thousand_days() {
        let clock = SimulatedClock::new(start());
        let host = async || {
            for _minute in 1..=20 {
                clock.sleep(Duration::from_secs(60)).await;
            }
        };
        run(&clock, join_all((0..10_000).map(|_| host())));
        run(&clock, clock.sleep(Duration::from_secs(1000 * 86_400)));
        assert_eq!(clock.now().to_string(), "2023-09-28T00:20:00Z");
    }
}
