//! Clock and timers for the official runtime. They are handed in: nothing in this crate uses those of the machine.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};

/// Waits for a length of time.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// The time, and waiting. Signatures need the wall clock of this machine: AWS refuses those that are minutes too old.
#[derive(Clone, Debug)]
pub struct Times {
    /// What time it is.
    pub clock: SharedTimeSource,
    /// How to wait.
    pub sleep: SharedAsyncSleep,
}

impl Times {
    /// The time by `now`, and waiting by `sleep`.
    pub fn of(
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
        sleep: impl Fn(Duration) -> Wait + Send + Sync + 'static,
    ) -> Self {
        let (now, sleep) = (Handed(Arc::new(now)), Handed(Arc::new(sleep)));
        Self { clock: SharedTimeSource::new(now), sleep: SharedAsyncSleep::new(sleep) }
    }
}

/// A function that was handed in.
struct Handed<F: ?Sized>(Arc<F>);

impl<F: ?Sized> fmt::Debug for Handed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handed")
    }
}

impl<F: Fn() -> SystemTime + Send + Sync + ?Sized> TimeSource for Handed<F> {
    fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl<F: Fn(Duration) -> Wait + Send + Sync + ?Sized> AsyncSleep for Handed<F> {
    fn sleep(&self, length: Duration) -> Sleep {
        Sleep::new((self.0)(length))
    }
}
