//! Replays patches on another base: git merges, in a scratch repository, without a work tree.
//!
//! The resulting commits depend on what went in and on nothing else: author, committer, message, encoding and other
//! headers are copied byte for byte, and the committer's date is moved forward to that of the commit before where it
//! would be older. So a forecast names the very commit that a rebase will make, on every machine.

mod answer;
mod commit;
mod engine;
mod outcome;
mod run;
mod scratch;
mod sweep;

pub use engine::Engine;
pub(crate) use engine::{Renames, Spare};
pub use outcome::{AtConflict, Conflict, Decisions, Merged, Message, Picked, Replayed, Resolution, Stage};
pub use run::replay;
pub(crate) use run::{changes_attributes, replay_hearing};
