//! The journal's writer and reader: events are on record, in order, before anything is done because of them.
//!
//! Appending is the fence between conductors: record n can be created only once, so of two conductors one finds that
//! its record exists already, and stops. Each record contains the digest of the one before, so a missing or changed
//! record is found when the journal is read.
//!
//! `writer` appends, `reading` reads a whole journal, `follow` reads the records after a given one, and `error` has the
//! reasons why these fail.

mod error;
mod follow;
mod reading;
#[cfg(test)]
mod tests;
mod writer;

pub use error::JournalError;
pub use follow::{read_more, records_from};
pub use reading::{Reading, read, read_as_far_as_possible};
pub use writer::{Journal, Listener};
