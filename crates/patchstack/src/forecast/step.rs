//! What is asked of a forecast, and what it tells before it is complete.

use super::{Forecast, PatchForecast};

/// How much a forecast finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What becomes of each patch, and nothing of conflicts but that there is one.
    Outcomes,
    /// The cause of each conflict as well.
    Causes,
}

/// Something that is known before the forecast is complete.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// So many patches are replayed.
    Replayed {
        /// How many are.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// What becomes of each patch; the causes of conflicts are not known yet.
    Outcomes(&'a Forecast),
    /// The conflict of a patch is explained. These come in the order of the stack.
    Conflict(&'a PatchForecast),
    /// So many conflicts are explained, of some of which nothing can be told until those before them are.
    Explained {
        /// How many are.
        done: usize,
        /// Of how many.
        total: usize,
    },
}
