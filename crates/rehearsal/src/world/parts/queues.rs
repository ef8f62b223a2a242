//! Task queues.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::time::between;

use super::WHOLE;
use crate::world::chance::milliseconds;

/// The tasks that wait while workers keep up with all visitors of a fleet, in thousandths.
pub(crate) const BACKLOG: u64 = 40_000;

/// The thousandths of a task by which workers reduce the queue in a millisecond: a backlog is gone in 20 seconds.
pub(crate) const TAKEN: u64 = 2;

/// The milliseconds in which all visitors of a fleet add a thousandth of a task while no worker runs.
pub(crate) const ADDING_MILLISECONDS: u64 = 2;

/// The queue of a fleet: its length at a certain time, and the rates since then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Queue {
    /// In thousandths of a task.
    pub(crate) length: u64,
    pub(crate) at: Timestamp,
    /// The visits that reach the fleet's sites, of a million.
    pub(crate) served: u32,
    /// Whether workers run.
    pub(crate) working: bool,
}

impl Queue {
    pub(crate) fn empty(at: Timestamp) -> Self {
        Self { length: 0, at, served: 0, working: false }
    }

    pub(crate) fn length_at(&self, now: Timestamp) -> u64 {
        let passed = milliseconds(between(self.at, now));
        if !self.working {
            return self.length + passed * u64::from(self.served) / (ADDING_MILLISECONDS * u64::from(WHOLE));
        }
        let level = BACKLOG * u64::from(self.served) / u64::from(WHOLE);
        if self.length > level {
            self.length.saturating_sub(passed.saturating_mul(TAKEN)).max(level)
        } else {
            self.length.saturating_add(passed.saturating_mul(TAKEN)).min(level)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_backlog_is_gone_20_seconds_after_the_last_visitor() {
        let start = Timestamp::UNIX_EPOCH;
        let after = |seconds| cutover_core::time::later(start, Duration::from_secs(seconds));
        let queue = Queue { length: BACKLOG, at: start, served: 0, working: true };
        assert!(queue.length_at(after(19)) > 0);
        assert_eq!(queue.length_at(after(20)), 0);
    }

    #[test]
    fn a_queue_that_nobody_works_on_grows_with_the_visitors() {
        let start = Timestamp::UNIX_EPOCH;
        let hour = cutover_core::time::later(start, Duration::from_secs(3600));
        let queue = Queue { length: 0, at: start, served: WHOLE, working: false };
        assert_eq!(queue.length_at(hour) / 1000, 1800);
        assert_eq!(Queue { served: 0, ..queue }.length_at(hour), 0);
    }
}
