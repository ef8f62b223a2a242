//! What a verification is to compare.

use crate::releases::Conventions;
use crate::repository::Revision;
use crate::stack::Base;

/// What is to be verified.
#[derive(Clone, Debug)]
pub struct Request {
    /// How releases are named, which tells what upstream had once.
    pub conventions: Conventions,
    /// Our branch, without `refs/heads/`: `mitx/koa`.
    pub branch: String,
    /// The old stack; none for that of the rebase of the branch.
    pub old: Option<(Revision, Base)>,
    /// The new stack; none for the result of that rebase.
    pub new: Option<(Revision, Base)>,
    /// Patches of the old stack by their (abbreviated) ids, and why they are left out or differ from what git would
    /// make of them.
    pub explained: Vec<(String, String)>,
    /// Whether the new base may lack commits of the old one. What the rebase was asked counts as well.
    pub backwards: bool,
}
