//! Dry runs: writes are put down as lines for the `aws` command instead of being made, and answered with placeholders.
//! Reads are made as ever.
//!
//! Writes leave a connection in two places: where a call is sent, and where `object_store` sends for S3. Both ask here
//! first. How a line is written is in `line`, what stands in for an answer in `answer`, S3 in `objects`.

mod answer;
mod line;
mod objects;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::connection::Connection;
use crate::operations::Operation;
use crate::shape::{Shape, Unreadable};

pub use line::{Line, quoted};
pub(crate) use objects::Guarded;

/// Where writes are put down, once a dry run has begun. Shared with the buckets of the connection.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Nothing while writes are made.
    lines: Mutex<Option<Vec<String>>>,
}

impl Ledger {
    fn lines(&self) -> MutexGuard<'_, Option<Vec<String>>> {
        // Lines are whole or absent, whoever panicked beside them.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_dry(&self) -> bool {
        self.lines().is_some()
    }

    fn put_down(&self, line: String) {
        if let Some(lines) = self.lines().as_mut() {
            lines.push(line);
        }
    }
}

impl Connection {
    /// From here on, and for good, this connection writes nothing, S3 included: see [`Self::take_writes`].
    pub fn run_dry(&self) {
        self.writes.lines().get_or_insert_default();
    }

    /// Whether writes are put down instead of being made.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.writes.is_dry()
    }

    /// The writes that were put down since they were last taken, in order, each as a line for a shell. Nothing in them
    /// is secret.
    #[must_use]
    pub fn take_writes(&self) -> Vec<String> {
        self.writes.lines().as_mut().map(std::mem::take).unwrap_or_default()
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
    fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = vec![("region", self.region.clone())];
        options.extend(self.profile.clone().map(|profile| ("profile", profile)));
        options.extend(self.endpoint.clone().map(|endpoint| ("endpoint-url", endpoint)));
        options
    }
}
