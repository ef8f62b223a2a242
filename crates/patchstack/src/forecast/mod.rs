//! What a rebase would do with every patch, computed without moving any ref: what becomes of each patch, and which
//! commit of upstream causes a conflict.

mod conflicts;
mod culprit;
mod hunks;
mod make;
mod outcome;
#[cfg(test)]
mod tests;

pub use crate::upstream::UpstreamCommit;
pub use make::{flattening, forecast};
pub use outcome::{Fate, Flattening, Forecast, Hunk, PatchForecast};
