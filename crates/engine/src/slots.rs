//! Slots for the kinds of work that are limited: calls to the cloud and connections to hosts. The limits themselves are
//! [`Work::side_by_side`], which the forecast uses too.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use cutover_core::plan::Work;

/// The slots of one conductor. They are given out in the order in which they were asked for.
pub(crate) struct Slots {
    calls: Rc<Pool>,
    launches: Rc<Pool>,
    connections: Rc<Pool>,
}

/// A slot that stays taken until this value is dropped.
pub(crate) struct Slot(Rc<Pool>);

struct Pool {
    free: Cell<usize>,
    queue: RefCell<VecDeque<Rc<Ticket>>>,
}

/// The entry of one waiting task in the queue.
#[derive(Default)]
struct Ticket {
    is_granted: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Slots {
    /// All slots of every kind, all free.
    #[must_use]
    pub(crate) fn new() -> Self {
        let pool = |work: Work| {
            let free = Cell::new(work.side_by_side().unwrap_or(usize::MAX));
            Rc::new(Pool { free, queue: RefCell::default() })
        };
        Self { calls: pool(Work::Calls), launches: pool(Work::Launches), connections: pool(Work::Connections) }
    }

    /// Waits for a free slot for this kind of work and takes it. Work that only waits needs no slot.
    pub(crate) async fn take(&self, work: Work) -> Option<Slot> {
        match work {
            Work::Waiting => None,
            Work::Calls => Some(take(&self.calls).await),
            Work::Launches => Some(take(&self.launches).await),
            Work::Connections => Some(take(&self.connections).await),
        }
    }
}

/// The slot of one step: taken while the step makes calls, and free while it waits before another attempt.
pub(crate) struct StepSlot<'a> {
    slots: &'a Slots,
    work: Work,
    slot: RefCell<Option<(Work, Slot)>>,
}

impl<'a> StepSlot<'a> {
    /// Not taken yet. The step's call is this kind of work.
    pub(crate) fn new(slots: &'a Slots, work: Work) -> Self {
        Self { slots, work, slot: RefCell::default() }
    }

    /// Waits for a slot for the step's call, unless it has one.
    pub(crate) async fn take_to_act(&self) {
        let has_one = self.slot.borrow().as_ref().is_some_and(|(work, _)| *work == self.work);
        if !has_one {
            self.release();
            self.take(self.work).await;
        }
    }

    /// Waits for a slot to look at the world, unless the step has any. Returns whether one was taken.
    pub(crate) async fn take_to_look(&self) -> bool {
        let has_one = self.slot.borrow().is_some();
        !has_one && self.take(self.work.of_looks()).await
    }

    async fn take(&self, work: Work) -> bool {
        let slot = self.slots.take(work).await.map(|slot| (work, slot));
        let is_taken = slot.is_some();
        self.slot.replace(slot);
        is_taken
    }

    /// Gives the slot back, if there is one.
    pub(crate) fn release(&self) {
        self.slot.take();
    }
}

async fn take(pool: &Rc<Pool>) -> Slot {
    if pool.free.get() > 0 {
        pool.free.set(pool.free.get() - 1);
        return Slot(Rc::clone(pool));
    }
    let turn = Turn { pool, ticket: Rc::default() };
    pool.queue.borrow_mut().push_back(Rc::clone(&turn.ticket));
    poll_fn(|context| {
        if turn.ticket.is_granted.replace(false) {
            return Poll::Ready(Slot(Rc::clone(pool)));
        }
        turn.ticket.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    })
    .await
}

/// A task that waits for a slot. If it is dropped, it leaves the queue, or passes on the slot that it was just given.
struct Turn<'a> {
    pool: &'a Pool,
    ticket: Rc<Ticket>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.ticket.is_granted.get() {
            self.pool.give_back();
        } else {
            self.pool.queue.borrow_mut().retain(|ticket| !Rc::ptr_eq(ticket, &self.ticket));
        }
    }
}

impl Pool {
    fn give_back(&self) {
        // The borrow ends before the waker runs.
        let next = self.queue.borrow_mut().pop_front();
        let Some(next) = next else {
            self.free.set(self.free.get() + 1);
            return;
        };
        next.is_granted.set(true);
        if let Some(waker) = next.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn taken(slots: &Slots, work: Work) -> Option<Slot> {
        slots.take(work).now_or_never().flatten()
    }

    fn all(slots: &Slots, work: Work) -> Vec<Slot> {
        let limit = work.side_by_side().expect("this kind of work is limited");
        (0..limit).map(|_| taken(slots, work).expect("a free slot")).collect()
    }

    #[test]
    fn there_are_as_many_slots_of_each_kind_as_the_forecast_assumes() {
        let slots = Slots::new();
        let calls = all(&slots, Work::Calls);
        assert!(taken(&slots, Work::Calls).is_none());
        let connections = all(&slots, Work::Connections);
        assert!(taken(&slots, Work::Connections).is_none());
        drop((calls, connections));
        assert!(taken(&slots, Work::Calls).is_some() && taken(&slots, Work::Connections).is_some());
    }

    #[test]
    fn a_step_keeps_its_slot_until_it_is_released_and_takes_one_again() {
        let slots = Slots::new();
        let mut others = all(&slots, Work::Calls);
        others.pop();
        let slot = StepSlot::new(&slots, Work::Calls);
        assert_eq!(slot.take_to_act().now_or_never(), Some(()));
        assert_eq!(slot.take_to_look().now_or_never(), Some(false), "it has one");
        slot.release();
        let another = taken(&slots, Work::Calls).expect("it was released");
        assert_eq!(slot.take_to_look().now_or_never(), None);
        drop(another);
        assert_eq!(slot.take_to_look().now_or_never(), Some(true));
    }

    #[test]
    fn hosts_that_boot_are_looked_for_while_others_are_launched_and_each_launch_counts() {
        let slots = Slots::new();
        let slot = StepSlot::new(&slots, Work::Launches);
        let others = all(&slots, Work::Launches);
        assert_eq!(slot.take_to_look().now_or_never(), Some(true), "looks are ordinary calls");
        assert_eq!(slot.take_to_act().now_or_never(), None, "a launch waits for the others");
        drop(others);
        assert_eq!(slot.take_to_act().now_or_never(), Some(()));
        assert_eq!(taken(&slots, Work::Launches).map(|_| ()), Some(()));
        assert_eq!(all(&slots, Work::Calls).len(), Work::Calls.side_by_side().expect("a limit"));
    }

    #[test]
    fn the_task_that_has_waited_longest_gets_the_next_slot_and_a_dropped_one_gets_none() {
        let slots = Slots::new();
        let mut held = all(&slots, Work::Calls);
        let mut first = Box::pin(slots.take(Work::Calls));
        let mut second = Box::pin(slots.take(Work::Calls));
        let mut third = Box::pin(slots.take(Work::Calls));
        for waiting in [&mut first, &mut second, &mut third] {
            assert!(waiting.now_or_never().is_none());
        }
        held.pop();
        assert!((&mut second).now_or_never().is_none(), "it is the first one's turn");
        drop(first);
        let second = second.now_or_never().flatten().expect("the first has passed its slot on");
        drop(third);
        drop(second);
        assert!(taken(&slots, Work::Calls).is_some());
    }
}
