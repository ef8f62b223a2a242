//! The status of each of our release branches: base, patches, upstream's newest candidate, what the remote has.

mod branch;
mod list;
mod look;

pub use branch::{BaseStatus, BranchStatus, LastPush, NewestStatus, Published, RebaseStatus};
pub use list::{rebases_of_new_branches, status};
