//! Where an upgrade's state is stored: a folder, a bucket, or memory for rehearsals, through `object_store`.
//!
//! Everything on which decisions depend is an object that is created once and never changed: journal records, lease
//! epochs, decisions, plans. Both a folder and S3 create objects atomically. The meaning of the objects is defined
//! elsewhere.
//!
//! `objects` is the store, `answer` limits how long it may take to answer, `folder` lists folders on disk, `strangers`
//! reports what this program has not written, and `error` says what went wrong and what to do about it.

mod answer;
mod error;
mod folder;
mod objects;
mod strangers;
#[cfg(test)]
mod tests;

pub use answer::{ANSWER, Timer};
pub use error::StoreError;
pub use objects::{Created, Store, number_of};
