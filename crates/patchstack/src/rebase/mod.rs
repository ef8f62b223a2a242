//! Doing a rebase: onto a work ref, with stops where a person has to say what is meant.
//!
//! What is kept of it is only what went in and what was decided: the old head, the base, the release, the resolutions
//! and the skips (`state`). Everything else is computed again from these each time, so that nothing is lost when
//! cutover is killed at any point: the same command, given again, ends in the same head. The branch itself never moves.

mod abort;
mod advance;
mod begin;
mod elsewhere;
pub mod exec;
mod folder;
mod moved;
mod notes;
mod proceed;
mod refusals;
mod request;
mod rerere;
mod resolution;
mod skip;
mod snapshot;
mod standing;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod work_tree;

pub use abort::abort;
pub use advance::standing;
pub use begin::begin;
pub use folder::shown_here;
pub use moved::{Moved, moved};
pub use proceed::proceed;
pub use request::Request;
pub use skip::{skip, unskip};
pub use standing::{Skipped, Standing, Stop, Submodule};
pub(crate) use state::State;
