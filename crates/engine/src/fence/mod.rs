//! The zone's fence: one TXT record that says which conductor has changed records last. Every batch replaces it too, by
//! deleting the value that this conductor wrote last and creating the next. Once another conductor has written, that value
//! is gone, and Route 53 refuses the whole batch of the one that slept.
//!
//! A successor replaces the record before its first other write, of whatever kind. It is read then, and never again: who
//! read it in order to try again would get past it.

mod record;
mod zone;

pub(crate) use record::DRY;
pub use record::{FenceChange, FenceRecord, Mark, ZoneTaken};
pub(crate) use zone::Passage;
pub use zone::ZoneFence;
