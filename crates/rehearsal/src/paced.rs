//! Wall time at a pace: the clock of an embedded cloud that several processes share.
//!
//! This crate reads no wall clock and has no async runtime: both are passed in as functions. The [`Pace`], on which the
//! processes must agree, is saved with the world.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_core::time::between;
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
}

#[async_trait(?Send)]
impl Clock for PacedClock {
    fn now(&self) -> Timestamp {
        self.file.pace().at((self.wall.now)())
    }

    async fn sleep_until(&self, moment: Timestamp) {
        // In a loop, because another process may have changed the pace, and a sleep may end early.
        while self.now() < moment {
            (self.wall.sleeper)(self.file.pace().wall_time(between(self.now(), moment))).await;
        }
    }

    async fn wait_for_date(&self, moment: Timestamp) {
        let wall_now = (self.wall.now)();
        // If the jump cannot be saved, other processes would not see it, so this waits at the cloud's pace instead.
        if self.file.change_pace(|pace| pace.skip_to(moment, wall_now)).is_err() {
            self.sleep_until(moment).await;
        }
    }
}
