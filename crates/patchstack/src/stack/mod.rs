//! The stack: our patches on top of a release, oldest first, flattened as `git rebase` flattens them.

mod base;
mod list;
mod patch;

pub use base::compute as compute_base;
pub(crate) use base::{commit_among as base_commit_among, compute_among as compute_base_among};
pub(crate) use list::list as list_commits;
pub use patch::{Author, Base, Change, Patch, Stack};
