//! Counts of what was made in the world since it was created. They show if something was made twice.

use super::parts::Work;
use super::state::WorldState;

/// How many resources were made since the world was created, whether or not they still exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Instances that were launched.
    pub instances: usize,
    /// Machine images that were built and still exist.
    pub images: usize,
    /// Database snapshots.
    pub snapshots: usize,
    /// Migration jobs that were started on hosts.
    pub jobs: usize,
    /// Messages that were sent.
    pub messages: usize,
}

impl WorldState {
    pub(crate) fn made(&self) -> Made {
        Made {
            instances: self.hosts.values().filter(|host| !host.current).count(),
            images: self.images.iter().filter(|image| !image.furnished).count(),
            snapshots: self.databases.values().map(|database| database.snapshots.len() - database.furnished).sum(),
            jobs: self.all_jobs().filter(|job| matches!(job.work, Work::Migration { .. })).count(),
            messages: self.outbox.len(),
        }
    }
}
