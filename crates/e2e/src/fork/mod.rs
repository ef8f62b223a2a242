//! The project's repositories, from which images are built.
//!
//! - `repositories`: upstream's, the team's fork of it, and the operator's clone;
//! - `forge`: the server from which builders fetch the code of a commit.

mod forge;
mod repositories;

pub use forge::Forge;
pub use repositories::{COMMIT_HEADER, Fork, REPOSITORY, UPSTREAM_RELEASE};
