//! What a rebase would come to, for every patch, with no ref moved: what becomes of each patch, and which commit of
//! upstream's causes a conflict.

mod conflicts;
mod culprit;
mod hunks;
mod make;
mod outcome;
#[cfg(test)]
mod tests;
mod upstream;

pub use make::{flattening, forecast};
pub use outcome::{Fate, Flattening, Forecast, Hunk, PatchForecast, UpstreamCommit};
pub(crate) use upstream::twins;
