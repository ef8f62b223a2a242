//! Wall time at a pace: the clock of an embedded cloud that several processes share.
//!
//! This crate reads no wall clock and has no async runtime: both are passed in as functions. The [`Pace`], on which the
//! processes must agree, is saved with the world.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_core::time::{between, later};
use cutover_engine::ports::Clock;

use crate::file::WorldFile;

/// Waits for a length of wall time.
pub type Sleeper = Rc<dyn Fn(Duration) -> LocalBoxFuture<'static, ()>>;

/// Wall time, as the binary provides it.
#[derive(Clone)]
pub struct WallTime {
    /// Reads the wall clock.
    pub now: Rc<dyn Fn() -> Timestamp>,
    /// Waits.
    pub sleeper: Sleeper,
}

/// Wall time multiplied by a pace, from a saved origin on.
pub struct PacedClock {
    file: Rc<WorldFile>,
    wall: WallTime,
}

impl PacedClock {
    pub(crate) fn new(file: Rc<WorldFile>, wall: WallTime) -> Rc<Self> {
        Rc::new(Self { file, wall })
    }

    /// Waits for `length` at the present pace, and returns how much of the cloud's time has passed: what the clock
    /// shows, or what the wait itself was worth if the wall clock was set back meanwhile.
    async fn nap(&self, length: Duration) -> Duration {
        let (begin, pace) = (self.now(), self.file.pace());
        let wall_time = pace.wall_time(length);
        (self.wall.sleeper)(wall_time).await;
        let slower = pace.seconds().min(self.file.pace().seconds());
        between(begin, self.now()).max(wall_time.saturating_mul(slower))
    }
}

#[async_trait(?Send)]
impl Clock for PacedClock {
    fn now(&self) -> Timestamp {
        self.file.pace().at((self.wall.now)())
    }

    /// The cloud's processes agree on its time by the wall clock alone. If that is set, everything in the cloud takes
    /// longer or shorter as well, so there is no other clock that would be right.
    fn up(&self) -> Duration {
        between(Timestamp::UNIX_EPOCH, self.now())
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        let (end, mut left) = (later(self.now(), length), length);
        Box::pin(async move {
            // In a loop, because another process may slow the cloud's time down.
            while self.now() < end && !left.is_zero() {
                left = left.saturating_sub(self.nap(left).await);
            }
        })
    }

    async fn wait_for_date(&self, moment: Timestamp) {
        let wall_now = (self.wall.now)();
        // If the jump cannot be saved, other processes would not see it, so this waits at the cloud's pace instead.
        if self.file.change_pace(|pace| pace.skip_to(moment, wall_now)).is_err() {
            while self.now() < moment {
                self.nap(between(self.now(), moment)).await;
            }
        }
    }
}
