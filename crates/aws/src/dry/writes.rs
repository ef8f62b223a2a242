//! Dry runs: writes are put down as lines for the `aws` command instead of being made, and answered with placeholders.
//! Reads are made as ever.
//!
//! Two things bar a write, and either is enough: the permit that it is made by, and the connection, once that was told so.
//! Both are asked where a call is made and where a page is put. What else would change a bucket is refused on a dry
//! connection. How a line is written is in `line`, what stands in for an answer in `answer`, S3 in `objects`.

mod answer;
mod line;
mod objects;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::connection::Connection;
use crate::operations::Operation;
use crate::shape::{Shape, Unreadable};

pub use line::{Line, quoted};
pub(crate) use objects::{Guarded, put_object};

/// Where writes are put down. Shared with the buckets of the connection.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Whether the connection makes no writes at all.
    dry: AtomicBool,
    lines: Mutex<Vec<String>>,
}

impl Ledger {
    pub(crate) fn is_dry(&self) -> bool {
        self.dry.load(Ordering::SeqCst)
    }

    pub(crate) fn put_down(&self, line: String) {
        self.lines().push(line);
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        // Lines are whole or absent, whoever panicked beside them.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// From here on, and for good, this connection writes nothing, S3 included: see [`Self::take_writes`].
    pub fn run_dry(&self) {
        self.writes.dry.store(true, Ordering::SeqCst);
    }

    /// Whether writes are put down instead of being made, whatever their permits say.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.writes.is_dry()
    }

    /// The writes that were put down since they were last taken, in order, each as a line for a shell. Nothing in them
    /// is secret.
    #[must_use]
    pub fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut *self.writes.lines())
    }

    /// Puts a write down and answers it as if it had worked.
    pub(crate) fn write_down<O: Operation>(&self, operation: &O) -> Result<O::Output, Unreadable> {
        let values = Shape::values(operation);
        let members = values.into_iter().map(|(name, _, value)| (name, value)).collect();
        let line = Line::of(O::SERVICE, O::NAME, members).with(&self.options());
        self.writes.put_down(line.to_string());
        answer::imagined(operation)
    }

    /// The writes, for the guard of a bucket.
    pub(crate) fn guarded(&self, bucket: &str) -> Guarded {
        Guarded::new(self, bucket)
    }

    /// The options that make the `aws` command reach what this connection reaches.
    pub(crate) fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = vec![("region", self.region.clone())];
        options.extend(self.profile.clone().map(|profile| ("profile", profile)));
        options.extend(self.endpoint.clone().map(|endpoint| ("endpoint-url", endpoint)));
        options
    }
}
