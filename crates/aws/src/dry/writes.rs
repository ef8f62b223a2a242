//! The writes of a dry run, in order, and whether dry mode is on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The recorded writes of a connection, which its buckets share.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    dry: AtomicBool,
    lines: Mutex<Vec<String>>,
}

impl Writes {
    /// Switches dry mode on. There is no way to switch it off.
    pub(crate) fn run_dry(&self) {
        self.dry.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_dry(&self) -> bool {
        self.dry.load(Ordering::SeqCst)
    }

    pub(crate) fn record(&self, line: String) {
        self.lines().push(line);
    }

    /// The lines since they were last taken.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines())
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        // A panic elsewhere leaves no line half written.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
