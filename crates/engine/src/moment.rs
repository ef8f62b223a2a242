//! Moments for measuring how much time has passed, on the two clocks that a machine has.
//!
//! A date on the wall clock is right for what people have agreed on, such as the start of a window. It is wrong for
//! measuring, because the wall clock can be set forward or back by hours. The other clock counts from some moment on
//! and cannot be set, but on some systems it stands still while the machine is suspended.

use std::time::Duration;

use jiff::Timestamp;

use cutover_core::time::between;

/// A moment on both clocks of a machine. It means nothing to another process, so it is never written down: what is on
/// record has only its date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The date on the wall clock.
    pub wall: Timestamp,
    /// The time on the clock that cannot be set.
    pub up: Duration,
}

impl Moment {
    /// The time that may have passed until `now`: the larger one of what the two clocks show. This is for what gets too
    /// old, such as a reading or a lease.
    #[must_use]
    pub fn at_most_until(&self, now: Self) -> Duration {
        between(self.wall, now.wall).max(self.at_least_until(now))
    }

    /// The time that has certainly passed until `now`: what the clock shows that cannot be set. This is for what has to
    /// last long enough, such as the time that programs have to stop.
    #[must_use]
    pub fn at_least_until(&self, now: Self) -> Duration {
        now.up.saturating_sub(self.up)
    }
}
