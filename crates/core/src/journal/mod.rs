//! The journal: what happened, in the order in which it happened, and the one function that says what follows.
//!
//! `record` is the envelope that the store keeps, `event` what can happen, `kind` what a run is for, `step` where a step can be and how it gets
//! there, `run` a plan as it was run, `state` the fold of all events, and `measure` the arithmetic of a run. What the
//! first format of records said is read by `version_1`.

mod event;
mod kind;
mod measure;
mod record;
mod run;
mod state;
mod step;
pub mod version_1;

pub use event::*;
pub use kind::*;
pub use measure::*;
pub use record::*;
pub use run::*;
pub use state::*;
pub use step::*;
