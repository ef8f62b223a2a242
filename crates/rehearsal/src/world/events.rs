//! The scheduled events of the world. Their effects are in the modules of the parts that they belong to.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::{
    BalancerName, ChangeId, DatabaseName, DnsName, ImageId, InstanceId, InvalidationId, JobName, ProgramName,
    SnapshotId,
};

/// An event that happens automatically. Its subject stores the same time; if the two differ, the event was rescheduled
/// and is ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    /// One of the zone's servers gets a change of records.
    ServerLearns { server: usize, change: ChangeId },
    /// All of the zone's servers have a change.
    ChangeInSync { change: ChangeId },
    /// A resolver's answer expires, and it asks again.
    ResolverRefreshes { resolver: usize, name: DnsName },
    /// The connections that were open when a resolver's answer changed have closed.
    ConnectionsClose { resolver: usize, name: DnsName },
    /// An instance reaches the next state of its life cycle.
    InstanceMoves { instance: InstanceId },
    /// A program has started, or stopped.
    ProgramMoves { instance: InstanceId, program: ProgramName },
    /// A member's health changes, or a member has drained and is removed.
    MemberMoves { balancer: BalancerName, instance: InstanceId },
    /// A machine image is ready.
    ImageBuilt { image: ImageId },
    /// Packer ends by itself.
    PackerEnds { token: String, status: i32 },
    /// A snapshot is ready.
    SnapshotTaken { database: DatabaseName, snapshot: SnapshotId },
    /// A migration job has done its next migration, or fails.
    JobMoves { instance: InstanceId, job: JobName },
    /// CloudFront has cleared its cache of the old page.
    InvalidationCompletes { invalidation: InvalidationId },
}

/// An event and its time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Scheduled {
    pub(crate) at: Timestamp,
    /// The order of events at the same time: the one that was scheduled first happens first.
    sequence: u64,
    pub(crate) event: Event,
}

/// The scheduled events, earliest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
}

impl Agenda {
    pub(crate) fn schedule(&mut self, at: Timestamp, event: Event) {
        self.scheduled += 1;
        self.heap.push(Reverse(Scheduled { at, sequence: self.scheduled, event }));
    }

    /// Removes and returns the earliest event, if it happens by `moment`.
    pub(crate) fn next_until(&mut self, moment: Timestamp) -> Option<Scheduled> {
        if self.heap.peek()?.0.at > moment {
            return None;
        }
        self.heap.pop().map(|Reverse(scheduled)| scheduled)
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scheduled {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_happen_by_moment_then_in_the_order_of_scheduling_and_survive_saving() {
        let moment = |second: i64| Timestamp::from_second(second).expect("a moment");
        let mut agenda = Agenda::default();
        for (second, image) in [(20, "c"), (10, "a"), (10, "b"), (30, "d")] {
            agenda.schedule(moment(second), Event::ImageBuilt { image: image.into() });
        }
        let text = serde_json::to_string(&agenda).expect("an agenda is JSON");
        let mut agenda: Agenda = serde_json::from_str(&text).expect("the same agenda");
        let mut order = String::new();
        while let Some(Scheduled { event: Event::ImageBuilt { image }, .. }) = agenda.next_until(moment(20)) {
            order.push_str(image.as_str());
        }
        assert_eq!(order, "abc");
        assert!(agenda.next_until(moment(30)).is_some());
    }
}
