//! A plan is data: the steps of a phase, what each step waits for and why, how it is undone, and what the plan was made
//! from. The engine that carries it out makes no decisions of its own.

mod action;
mod basis;
mod frontier;
mod groups;
mod lint;
mod phase;
mod rule;
mod schedule;
mod step;
mod whole;
mod work;

pub use action::*;
pub use basis::*;
pub use frontier::*;
pub use groups::*;
pub use lint::*;
pub use phase::*;
pub use rule::*;
pub use schedule::*;
pub use step::*;
pub use whole::*;
pub use work::*;
