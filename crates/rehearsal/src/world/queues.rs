//! The fleets' task queues: visitors fill them through the sites, workers empty them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::FleetName;
use cutover_core::time::between;

use super::chance::milliseconds;
use super::state::WorldState;
use super::visitors::WHOLE;

/// Tasks that wait while workers keep up with a whole fleet's visitors, in thousandths.
const BACKLOG: u64 = 40_000;
/// Thousandths of a task that workers take off in a millisecond: a backlog is gone in 20 seconds.
const TAKEN: u64 = 2;
/// Milliseconds in which a whole fleet's visitors add a thousandth of a task, when nobody works.
const ADDING_MILLISECONDS: u64 = 2;

/// The queue of a fleet: how long it was at a moment, and what has gone on since.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Queue {
    /// In thousandths of a task.
    length: u64,
    at: Timestamp,
    /// Of a million visits, those that reach the fleet's sites.
    served: u32,
    /// Whether workers run.
    working: bool,
}

impl Queue {
    pub(crate) fn empty(at: Timestamp) -> Self {
        Self { length: 0, at, served: 0, working: false }
    }

    fn length_at(&self, now: Timestamp) -> u64 {
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

impl WorldState {
    /// The tasks that wait or run in a fleet's queues.
    pub(crate) fn queued_tasks(&self, fleet: &FleetName) -> u32 {
        let length = self.queues.get(fleet).map_or(0, |queue| queue.length_at(self.now));
        u32::try_from(length / 1000).unwrap_or(u32::MAX)
    }

    /// Takes note of who fills and who empties the queues now.
    pub(crate) fn note_queues(&mut self) {
        let mut now_so = Vec::new();
        for fleet in self.queues.keys() {
            let working = self.tally.running(fleet).is_some_and(|running| running.working > 0);
            now_so.push((self.served_share(fleet), working));
        }
        let now = self.now;
        for (queue, (served, working)) in self.queues.values_mut().zip(now_so) {
            if (queue.served, queue.working) != (served, working) {
                *queue = Queue { length: queue.length_at(now), at: now, served, working };
            }
        }
    }

    fn served_share(&self, fleet: &FleetName) -> u32 {
        let sites = self.tally.sites_of(fleet);
        let served: u64 = sites.iter().map(|site| u64::from(self.visitors[*site].shares().site)).sum();
        let share = served.checked_div(sites.len() as u64).unwrap_or(0);
        u32::try_from(share).unwrap_or(WHOLE)
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
