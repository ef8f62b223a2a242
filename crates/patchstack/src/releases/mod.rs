//! How releases are named: upstream's code names and candidates, our branches, the remotes.
//!
//! Upstream's releases are `open-release/koa.rc3` and, since 2024, `release/teak`; ours are `mitx/koa`. The patterns
//! are the operator's to change (`conventions`). `pattern` reads names by them, `refs` finds the refs that they match,
//! `newest` puts upstream's in order, and `choose` finds the branch that a command is about.

mod choose;
mod conventions;
mod newest;
mod pattern;
mod refs;
mod release;

pub use choose::choose;
pub(crate) use choose::{Apart, apart};
pub use conventions::Conventions;
pub use newest::in_order;
pub use refs::Survey;
pub(crate) use refs::{Ours, bare_name};
pub use release::{Candidate, Codename, Release};
