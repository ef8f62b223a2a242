//! The places for work that may not go on without limit: calls to the cloud and connections to hosts. The limits
//! themselves are [`Work::side_by_side`], with which the forecast counts too.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use cutover_core::plan::Work;

/// The places of one conductor. Who waits for one gets it in the order of asking.
pub(crate) struct Slots {
    calls: Rc<Places>,
    connections: Rc<Places>,
}

/// A place that is taken until this is dropped.
pub(crate) struct Slot(Rc<Places>);

struct Places {
    free: Cell<usize>,
    queue: RefCell<VecDeque<Rc<Ticket>>>,
}

/// Somebody's turn in a queue.
#[derive(Default)]
struct Ticket {
    is_granted: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Slots {
    /// As many places as may be, all free.
    #[must_use]
    pub(crate) fn new() -> Self {
        let places = |work: Work| {
            let free = Cell::new(work.side_by_side().unwrap_or(usize::MAX));
            Rc::new(Places { free, queue: RefCell::default() })
        };
        Self { calls: places(Work::Calls), connections: places(Work::Connections) }
    }

    /// Waits for a place for this kind of work and takes it. Waiting itself needs none.
    pub(crate) async fn take(&self, work: Work) -> Option<Slot> {
        match work {
            Work::Waiting => None,
            Work::Calls => Some(take(&self.calls).await),
            Work::Connections => Some(take(&self.connections).await),
        }
    }
}

async fn take(places: &Rc<Places>) -> Slot {
    if places.free.get() > 0 {
        places.free.set(places.free.get() - 1);
        return Slot(Rc::clone(places));
    }
    let turn = Turn { places, ticket: Rc::default() };
    places.queue.borrow_mut().push_back(Rc::clone(&turn.ticket));
    poll_fn(|context| {
        if turn.ticket.is_granted.replace(false) {
            return Poll::Ready(Slot(Rc::clone(places)));
        }
        turn.ticket.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    })
    .await
}

/// Somebody who waits. Dropped, they leave the queue, and pass on a place that they were just given.
struct Turn<'a> {
    places: &'a Places,
    ticket: Rc<Ticket>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.ticket.is_granted.get() {
            self.places.give_back();
        } else {
            self.places.queue.borrow_mut().retain(|ticket| !Rc::ptr_eq(ticket, &self.ticket));
        }
    }
}

impl Places {
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
        let limit = work.side_by_side().expect("it is limited");
        (0..limit).map(|_| taken(slots, work).expect("a free place")).collect()
    }

    #[test]
    fn there_are_as_many_places_of_each_kind_as_the_forecast_counts_with() {
        let slots = Slots::new();
        let calls = all(&slots, Work::Calls);
        assert!(taken(&slots, Work::Calls).is_none());
        let connections = all(&slots, Work::Connections);
        assert!(taken(&slots, Work::Connections).is_none());
        drop((calls, connections));
        assert!(taken(&slots, Work::Calls).is_some() && taken(&slots, Work::Connections).is_some());
    }

    #[test]
    fn who_waits_longest_gets_the_next_place_and_who_gave_up_gets_none() {
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
        let second = second.now_or_never().flatten().expect("the first has passed its place on");
        drop(third);
        drop(second);
        assert!(taken(&slots, Work::Calls).is_some());
    }
}
