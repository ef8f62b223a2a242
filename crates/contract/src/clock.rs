//! The wall clock, for suites that run on real parts in real time.
#![expect(clippy::disallowed_methods, reason = "the clock of tests on real parts")]

use std::time::Duration;

use async_trait::async_trait;
use cutover_core::time::between;
use cutover_engine::ports::Clock;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

/// This computer's clock, with the timers of tokio.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

#[async_trait(?Send)]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn up(&self) -> Duration {
        between(Timestamp::UNIX_EPOCH, self.now())
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}
