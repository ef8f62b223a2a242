//! The patches of a branch, with since which release each is carried: `own` lists the patches, `since` looks through
//! older release branches.

mod list;
mod listing;
mod own;
mod since;

pub use list::list;
pub use listing::{Listed, Listing};
