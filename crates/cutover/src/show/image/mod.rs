//! What people read of machine images.

mod list;
mod one;
mod prune;
#[cfg(test)]
mod tests;
mod words;

pub use list::{list_json, list_text};
pub use one::{one_json, one_text};
pub use prune::{prune_json, prune_text, snapshots};
pub use words::Around;
