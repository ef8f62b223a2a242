//! The wall clock: for commands, for AWS's runtime, and for embedded clouds.
#![expect(clippy::disallowed_methods, reason = "the home of the clock and of timers")]

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_aws::Times;
use cutover_engine::lease::{Machine, wait};
use cutover_engine::ports::Clock;
use cutover_rehearsal::WallTime;

use super::ThisMachine;

/// The wall clock, for clouds that run in real time.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

#[async_trait(?Send)]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        ThisMachine.now()
    }

    fn up(&self) -> Duration {
        ThisMachine.up()
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        Box::pin(wait(&ThisMachine, length))
    }
}

/// The wall clock, for AWS's runtime.
#[must_use]
pub fn aws_times() -> Times {
    Times::of(std::time::SystemTime::now, |length| Box::pin(tokio::time::sleep(length)))
}

/// The wall clock for an embedded cloud whose time passes at a pace.
#[must_use]
pub fn wall_time() -> WallTime {
    WallTime { now: Rc::new(Timestamp::now), sleeper: Rc::new(sleep) }
}

/// Runs `work`. Returns its result and how long it took in wall time.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let watch = Stopwatch::start();
    let result = work();
    (result, watch.elapsed())
}

/// How long something has taken so far.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since its start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The time on the wall clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Waits for a length of wall time.
#[must_use]
pub fn sleep(length: Duration) -> LocalBoxFuture<'static, ()> {
    Box::pin(tokio::time::sleep(length))
}
