//! What a rebase would do with every patch, computed without moving any ref: what becomes of each patch, and which
//! commit of upstream causes a conflict.

mod case;
mod changed;
mod conflicts;
mod culprit;
mod explain;
mod history;
mod hunks;
mod make;
mod once;
mod order;
mod outcome;
mod scene;
mod step;
#[cfg(test)]
mod tests;
mod twins;

pub use crate::upstream::UpstreamCommit;
pub use make::{flattening, forecast, forecast_step_by_step};
pub use outcome::{Fate, Flattening, Forecast, Hunk, PatchForecast};
pub use step::{Depth, Step};
