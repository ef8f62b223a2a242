//! How an embedded cloud's time depends on wall time. This is saved with the world.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::time::{between, later};

/// How the cloud's time depends on wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// The cloud's time at `wall_origin`.
    origin: Timestamp,
    wall_origin: Timestamp,
    /// Seconds of the cloud in one second of wall time.
    pace: u32,
    skipped_milliseconds: u64,
}

impl Pace {
    /// The cloud's time is `origin` at `wall_origin`, and passes `pace` times as fast as wall time.
    pub(crate) fn new(origin: Timestamp, wall_origin: Timestamp, pace: u32) -> Self {
        Self { origin, wall_origin, pace: pace.max(1), skipped_milliseconds: 0 }
    }

    /// Seconds of the cloud in one second of wall time.
    pub(crate) fn seconds(&self) -> u32 {
        self.pace
    }

    /// The cloud's time at a moment of wall time.
    pub(crate) fn at(&self, wall_now: Timestamp) -> Timestamp {
        let passed = between(self.wall_origin, wall_now).saturating_mul(self.pace);
        later(later(self.origin, passed), Duration::from_millis(self.skipped_milliseconds))
    }

    /// The same time at `wall_now`, with another pace from then on.
    pub(crate) fn with_pace(&self, pace: u32, wall_now: Timestamp) -> Self {
        Self::new(self.at(wall_now), wall_now, pace)
    }

    /// Skips the time until `moment`.
    pub(crate) fn skip_to(&mut self, moment: Timestamp, wall_now: Timestamp) {
        let left = between(self.at(wall_now), moment);
        // Rounded up, so that the date is reached.
        let milliseconds = u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        self.skipped_milliseconds = self.skipped_milliseconds.saturating_add(milliseconds);
    }

    /// The wall time in which `length` passes, never zero.
    pub(crate) fn wall_time(&self, length: Duration) -> Duration {
        (length / self.pace).max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn time_passes_at_its_pace_from_the_origin_on() {
        let pace = Pace::new(moment("2021-01-01T00:00:00Z"), moment("2026-05-01T12:00:00Z"), 60);
        assert_eq!(pace.at(moment("2026-05-01T12:00:10Z")), moment("2021-01-01T00:10:00Z"));
        assert_eq!(pace.wall_time(Duration::from_secs(120)), Duration::from_secs(2));
    }

    #[test]
    fn a_date_is_jumped_to_and_time_goes_on_from_there() {
        let mut pace = Pace::new(moment("2021-01-01T00:00:00Z"), moment("2026-05-01T12:00:00Z"), 60);
        pace.skip_to(moment("2021-01-04T09:00:00Z"), moment("2026-05-01T12:00:10Z"));
        assert_eq!(pace.at(moment("2026-05-01T12:00:10Z")), moment("2021-01-04T09:00:00Z"));
        assert_eq!(pace.at(moment("2026-05-01T12:00:11Z")), moment("2021-01-04T09:01:00Z"));
        pace.skip_to(moment("2021-01-02T00:00:00Z"), moment("2026-05-01T12:00:11Z"));
        assert_eq!(pace.at(moment("2026-05-01T12:00:11Z")), moment("2021-01-04T09:01:00Z"), "never back");
    }

    #[test]
    fn a_new_pace_does_not_move_the_present() {
        let pace = Pace::new(moment("2021-01-01T00:00:00Z"), moment("2026-05-01T12:00:00Z"), 60);
        let wall_now = moment("2026-05-01T12:00:10Z");
        let faster = pace.with_pace(600, wall_now);
        assert_eq!(faster.at(wall_now), pace.at(wall_now));
        assert_eq!(faster.at(moment("2026-05-01T12:00:11Z")), moment("2021-01-01T00:20:00Z"));
    }
}
