//! The machine images of a deployment: what uses each of them, and which may be removed.
//!
//! `listing` joins what was seen with the journal, `prune` decides what goes and why the rest stays.

mod listing;
mod prune;
#[cfg(test)]
mod tests;

pub use listing::{GoesOn, Inventory, ListedBuilder, ListedImage, Seen, Use};
pub use prune::{Kept, KeptImage, Pruning, prune};
