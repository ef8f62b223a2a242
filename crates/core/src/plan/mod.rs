//! A plan is data: the steps of a phase, what each waits for and why, how each is undone, and what the whole
//! was made from. The executor has no choices left to make.

mod action;
mod basis;
mod frontier;
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
pub use lint::*;
pub use phase::*;
pub use rule::*;
pub use schedule::*;
pub use step::*;
pub use whole::*;
pub use work::*;
