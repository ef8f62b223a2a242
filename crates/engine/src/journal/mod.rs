//! The journal's writer and reader: events are on record, in order, before anything follows from them.
//!
//! The order of appends is the fence: record n can be created once, so of two conductors one finds its place
//! taken and stops. Each record names the hash of the one before; a gap or a change is found when it is read.
//!
//! `writer` appends, `reading` reads a whole journal, `follow` reads on from somewhere in the middle, and `error` is why
//! either fails.

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
