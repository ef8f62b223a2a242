//! The fleets' task queues: visitors fill them through the sites, workers empty them.

use cutover_core::names::FleetName;

use super::parts::{Queue, WHOLE};
use super::state::WorldState;

impl WorldState {
    /// The number of waiting and running tasks in a fleet's queues.
    pub(crate) fn queued_tasks(&self, fleet: &FleetName) -> u32 {
        let length = self.queues.get(fleet).map_or(0, |queue| queue.length_at(self.now));
        u32::try_from(length / 1000).unwrap_or(u32::MAX)
    }

    /// Updates the rates at which visitors fill the queues and workers empty them.
    pub(crate) fn note_queues(&mut self) {
        let (mut queues, now) = (std::mem::take(&mut self.queues), self.now);
        for (fleet, queue) in &mut queues {
            let served = self.served_share(fleet);
            let working = self.tally.running(fleet).is_some_and(|running| running.working > 0);
            if (queue.served, queue.working) != (served, working) {
                *queue = Queue { length: queue.length_at(now), at: now, served, working };
            }
        }
        self.queues = queues;
    }

    fn served_share(&self, fleet: &FleetName) -> u32 {
        let sites = self.tally.sites_of(fleet);
        let served: u64 = sites.iter().map(|site| u64::from(self.visitors[*site].shares().site)).sum();
        let share = served.checked_div(sites.len() as u64).unwrap_or(0);
        u32::try_from(share).unwrap_or(WHOLE)
    }
}
