//! The zone's fence: one TXT record that says which conductor last changed records. Every batch replaces it as well, by
//! deleting the value that this conductor wrote last and creating the next one. Once another conductor has written,
//! that value is gone, and Route 53 refuses the whole batch of the conductor that was superseded.
//!
//! A successor replaces the record before its first other write of any kind. The record is read once, before that
//! write. Reading it again after a refusal would defeat the fence.

mod record;
mod zone;

pub(crate) use record::DRY;
pub use record::{FenceChange, FenceRecord, Mark, ZoneTaken};
pub(crate) use zone::Passage;
pub use zone::ZoneFence;
