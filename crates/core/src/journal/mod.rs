//! The journal: what happened, in the order in which it happened, and the one function that says what follows.
//!
//! `record` is the envelope that the store keeps, `event` what can happen, `state` the fold of all events,
//! `measure` the arithmetic of a phase as it was run.

mod event;
mod measure;
mod record;
mod state;

pub use event::*;
pub use measure::*;
pub use record::*;
pub use state::*;
