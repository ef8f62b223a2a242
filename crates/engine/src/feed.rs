//! The feed: the progress of an upgrade, kept in memory for the parts of the program that show it.
//!
//! The conductor adds progress without ever waiting, and readers follow at their own pace. Each reader keeps its own
//! position, so one that falls behind, stops or ends does not delay the conductor or another reader. A reader starts at
//! the beginning of this process's feed, or after an event that it has already seen. What was recorded before this
//! process started is read with [`journal::records_from`](crate::journal::records_from).
//!
//! The feed keeps everything that was added. It needs about as much memory as the journal's state, which the conductor
//! keeps too.

use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use cutover_core::progress::{EventNumber, Progress};

use crate::journal::Listener;

/// The progress of an upgrade, to which one conductor adds and from which any number of readers read, in any thread.
#[derive(Debug, Default)]
pub struct Feed {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    all: Vec<Arc<Progress>>,
    ended: bool,
    waiting: Vec<Waker>,
}

impl Feed {
    /// A feed with nothing in it.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Adds progress. Returns at once, whatever the readers do.
    pub fn push(&self, progress: Progress) {
        self.change(|kept| kept.all.push(Arc::new(progress)));
    }

    /// Ends the feed: nothing is added after this.
    pub fn end(&self) {
        self.change(|kept| kept.ended = true);
    }

    /// A reader of everything in this feed, and of everything that is added later.
    #[must_use]
    pub fn read(self: &Arc<Self>) -> Reader {
        Reader { feed: Arc::clone(self), next: 0 }
    }

    /// A reader of what comes after the event with this number. That event does not have to be in this feed.
    #[must_use]
    pub fn read_after(self: &Arc<Self>, number: EventNumber) -> Reader {
        let is_known =
            |progress: &Arc<Progress>| matches!(&**progress, Progress::Recorded { number: n, .. } if *n <= number);
        let next = self.kept().all.iter().rposition(is_known).map_or(0, |index| index + 1);
        Reader { feed: Arc::clone(self), next }
    }

    /// A listener for a journal that adds everything to this feed.
    #[must_use]
    pub fn listener(self: &Arc<Self>) -> Listener {
        let feed = Arc::clone(self);
        Rc::new(move |progress| feed.push(progress.clone()))
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept();
        change(&mut kept);
        let waiting = std::mem::take(&mut kept.waiting);
        drop(kept);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // If a reader panicked, the list is still consistent, because readers do not change it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader of a feed, with its position.
#[derive(Debug)]
pub struct Reader {
    feed: Arc<Feed>,
    next: usize,
}

impl Reader {
    /// The next progress, once there is some; `None` when the feed has ended. Nothing is lost if the future is dropped
    /// before that.
    pub async fn next(&mut self) -> Option<Arc<Progress>> {
        let progress = std::future::poll_fn(|context| {
            let mut kept = self.feed.kept();
            match kept.all.get(self.next) {
                Some(progress) => Poll::Ready(Some(Arc::clone(progress))),
                None if kept.ended => Poll::Ready(None),
                None => {
                    if !kept.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                        kept.waiting.push(context.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
        .await?;
        self.next += 1;
        Some(progress)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use futures_util::FutureExt;
    use futures_util::task::noop_waker_ref;

    use cutover_core::journal::Event;

    use super::*;
    use crate::testing::{at, now};

    fn recorded(record: u64, position: u32) -> Progress {
        let event = Event::Interrupted { because: format!("{record}.{position}") };
        Progress::Recorded { number: EventNumber { record, position }, at: at(0), event }
    }

    fn said(text: &str) -> Progress {
        Progress::Said { text: text.to_owned() }
    }

    fn rest(reader: &mut Reader) -> Vec<Progress> {
        let mut rest = Vec::new();
        while let Some(Some(progress)) = reader.next().now_or_never() {
            rest.push((*progress).clone());
        }
        rest
    }

    #[test]
    fn every_reader_gets_everything_in_order_at_its_own_pace() {
        let feed = Feed::new();
        let (mut quick, mut slow) = (feed.read(), feed.read());
        feed.push(recorded(1, 1));
        assert_eq!(rest(&mut quick), [recorded(1, 1)]);
        feed.push(said("two"));
        assert_eq!(rest(&mut quick), [said("two")]);
        assert_eq!(rest(&mut slow), [recorded(1, 1), said("two")]);
    }

    #[test]
    fn a_reader_goes_on_after_the_last_event_that_it_has_seen() {
        let feed = Feed::new();
        [recorded(4, 1), recorded(4, 2), said("between"), recorded(6, 1)].into_iter().for_each(|one| feed.push(one));
        let after = |record, position| rest(&mut feed.read_after(EventNumber { record, position })).len();
        assert_eq!([after(3, 9), after(4, 1), after(4, 2), after(5, 1), after(6, 1), after(9, 9)], [4, 3, 2, 2, 0, 0]);
    }

    #[test]
    fn a_reader_is_woken_by_what_is_added_and_by_the_end() {
        let feed = Feed::new();
        let mut reader = feed.read();
        {
            let mut next = pin!(reader.next());
            let mut context = std::task::Context::from_waker(noop_waker_ref());
            assert!(next.as_mut().poll(&mut context).is_pending());
            feed.push(said("one"));
            assert!(next.poll(&mut context).is_ready());
        }
        assert!(reader.next().now_or_never().is_none(), "nothing was added");
        feed.end();
        assert_eq!(now(reader.next()), None);
    }

    /// Counts how often it is woken.
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_waiting_reader_is_woken_once_by_what_is_added() {
        let feed = Feed::new();
        let bells = [(); 2].map(|()| Arc::new(Bell(AtomicUsize::new(0))));
        let mut readers = [feed.read(), feed.read()];
        for (bell, reader) in bells.iter().zip(&mut readers) {
            let waker = Waker::from(Arc::clone(bell));
            for _ in 0..3 {
                assert!(pin!(reader.next()).poll(&mut std::task::Context::from_waker(&waker)).is_pending());
            }
        }
        feed.push(said("one"));
        assert_eq!(bells.map(|bell| bell.0.load(Ordering::Relaxed)), [1, 1]);
    }

    #[test]
    fn a_wait_that_was_dropped_loses_nothing() {
        let feed = Feed::new();
        let mut reader = feed.read();
        assert!(reader.next().now_or_never().is_none());
        feed.push(said("one"));
        assert_eq!(rest(&mut reader), [said("one")]);
    }

    #[test]
    fn a_reader_that_never_reads_does_not_prevent_adding() {
        let feed = Feed::new();
        let _stuck = feed.read();
        let listener = feed.listener();
        (0..10_000).for_each(|record| listener(&recorded(record, 1)));
        assert_eq!(rest(&mut feed.read()).len(), 10_000);
    }
}
