//! Carries one step to its end: observe, record that it starts, make its call, and observe until its effect is visible.
//!
//! An unclear answer never counts as success or failure: the world is observed until the effect of the call is visible,
//! or a grace period has passed. That nothing is visible shortly after a write proves nothing.
//!
//! A `step` takes its `course`, or is a `wait`, or a `watch`. The other files: one `attempt` at the call, one `look` at the
//! world, the `ending`, and the `limit` of its time. What orders leave on hosts is `collect`ed at the end of a phase.

mod attempt;
mod collect;
mod conductor;
mod course;
mod ending;
mod left_to_do;
mod limit;
mod look;
mod part;
mod patience;
mod step;
mod wait;
mod watch;
mod words;

pub use conductor::{Conductor, Stop};
pub(crate) use ending::StepEnd;
pub use part::Part;
