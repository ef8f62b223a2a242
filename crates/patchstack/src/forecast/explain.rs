//! Explains conflicts on several threads, while the replay is still going on.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::Scope;

use super::case::Case;
use super::conflicts::{Cause, cause};
use super::culprit::Inquiry;
use crate::error::Result;
use crate::replay::{Engine, Spare};

/// More threads than this would wait for the disk.
const MOST: usize = 8;

/// Conflicts that are to be explained, for the threads that take them.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    cases: VecDeque<Case>,
    /// Whether no more will come.
    complete: bool,
}

impl Queue {
    pub(super) fn add(&self, case: Case) {
        self.change(|waiting| waiting.cases.push_back(case));
    }

    /// No more conflicts will come.
    pub(super) fn complete(&self) {
        self.change(|waiting| waiting.complete = true);
    }

    /// Nobody wants the explanations any more.
    pub(super) fn abandon(&self) {
        self.change(|waiting| *waiting = Waiting { cases: VecDeque::new(), complete: true });
    }

    /// The next one, which may have to be waited for; none at the end.
    fn next(&self) -> Option<Case> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = |waiting: &mut Waiting| waiting.cases.is_empty() && !waiting.complete;
        let waiting = self.changed.wait_while(waiting, ended);
        waiting.unwrap_or_else(PoisonError::into_inner).cases.pop_front()
    }

    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

/// The index of a patch, and the cause of its conflict.
type Explained = (usize, Result<Cause>);

/// Threads that explain what is in a queue, beside the one that has started them.
pub(super) struct Explainers<'a> {
    inquiry: &'a Inquiry<'a>,
    queue: &'a Queue,
    explained: Receiver<Explained>,
}

impl<'a> Explainers<'a> {
    /// Starts one for each processor but one, which the replay needs, and then [`Explainers::all`].
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        inquiry: &'scope Inquiry<'a>,
        queue: &'scope Queue,
        spare: &Spare,
    ) -> Explainers<'scope>
    where
        'a: 'scope,
    {
        let (sender, explained) = channel();
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 1..processors.min(MOST) {
            let (sender, spare) = (sender.clone(), spare.clone());
            scope.spawn(move || explain(spare, inquiry, queue, &sender));
        }
        Explainers { inquiry, queue, explained }
    }

    /// Helps until all are explained. `hear` gets each explanation in the order in which they are found.
    pub(super) fn all(self, engine: &mut Engine, hear: &mut dyn FnMut(usize, Cause)) -> Result<()> {
        while let Some(case) = self.queue.next() {
            hear(case.index, cause(engine, self.inquiry, &case)?);
            for (index, cause) in self.explained.try_iter() {
                hear(index, cause?);
            }
        }
        for (index, cause) in self.explained {
            hear(index, cause?);
        }
        Ok(())
    }
}

/// What one thread does. It starts git when there is something to explain.
fn explain(spare: Spare, inquiry: &Inquiry<'_>, queue: &Queue, sender: &Sender<Explained>) {
    let mut spare = Some(spare);
    let mut engine = None;
    while let Some(case) = queue.next() {
        if let Some(spare) = spare.take() {
            engine = Some(spare.start());
        }
        let cause = match &mut engine {
            Some(Ok(engine)) => cause(engine, inquiry, &case),
            // The error is told once; without an engine there is nothing more to do here.
            _ => match engine.take() {
                Some(Err(error)) => Err(error),
                _ => return,
            },
        };
        if sender.send((case.index, cause)).is_err() {
            return;
        }
    }
}
