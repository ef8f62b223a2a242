//! The timers of simulated time: whom to wake at which moment.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

use jiff::Timestamp;
use slab::Slab;

/// A timer that was added. It is never used for another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId {
    /// How many timers were added before it.
    number: u64,
    /// Its key in the slab, which later timers use again.
    key: usize,
}

/// All timers that wait.
#[derive(Default)]
pub(crate) struct Timers {
    /// By moment, and then in the order in which they were added. Removed timers are skipped when their turn comes.
    queue: BinaryHeap<Reverse<(Timestamp, TimerId)>>,
    /// Whom to wake, with the number of the timer.
    waiting: Slab<(u64, Waker)>,
    added: u64,
}

impl Timers {
    /// Adds a timer.
    pub(crate) fn add(&mut self, moment: Timestamp, waker: Waker) -> TimerId {
        let timer = TimerId { number: self.added, key: self.waiting.insert((self.added, waker)) };
        self.added += 1;
        self.queue.push(Reverse((moment, timer)));
        timer
    }

    /// Sets whom a timer wakes. It may have fired already.
    pub(crate) fn set_waker(&mut self, timer: TimerId, waker: &Waker) {
        if let Some((_, waits)) = self.waiting.get_mut(timer.key).filter(|(number, _)| *number == timer.number) {
            waits.clone_from(waker);
        }
    }

    /// Removes a timer, if it has not fired.
    pub(crate) fn remove(&mut self, timer: TimerId) -> Option<Waker> {
        let (number, _) = self.waiting.get(timer.key)?;
        (*number == timer.number).then(|| self.waiting.remove(timer.key).1)
    }

    /// Removes the earliest timer: its moment, and whom to wake.
    pub(crate) fn take_next(&mut self) -> Option<(Timestamp, Waker)> {
        loop {
            let Reverse((moment, timer)) = self.queue.pop()?;
            if let Some(waker) = self.remove(timer) {
                return Some((moment, waker));
            }
        }
    }

    /// Whether nobody waits.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    #[test]
    fn a_removed_timer_neither_fires_nor_removes_the_one_that_took_its_place() {
        let mut timers = Timers::default();
        let first = timers.add(at(1), Waker::noop().clone());
        assert!(timers.remove(first).is_some());
        timers.add(at(2), Waker::noop().clone());
        assert!(timers.remove(first).is_none());
        assert_eq!(timers.take_next().map(|(moment, _)| moment), Some(at(2)));
        assert!(timers.take_next().is_none() && timers.is_empty());
    }
}
