//! What is asked of a forecast, and what it tells before it is complete.

use super::PatchForecast;

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
    /// Of so many patches everything is known, the causes of conflicts included.
    Explained {
        /// How many are.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// All about a patch. Patches come in the order of the stack.
    Known {
        /// Its index in the stack.
        index: usize,
        /// What becomes of it, and why.
        patch: &'a PatchForecast,
    },
}
