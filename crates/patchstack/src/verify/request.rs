//! What a verification is to compare.

use crate::repository::Revision;
use crate::stack::Base;

/// What is to be verified.
#[derive(Clone, Debug)]
pub struct Request {
    /// Our branch, without `refs/heads/`: `mitx/koa`.
    pub branch: String,
    /// The stack as it was; none for that of the rebase that is under way for the branch.
    pub old: Option<(Revision, Base)>,
    /// The stack as it is; none for the result of that rebase.
    pub new: Option<(Revision, Base)>,
    /// Patches of the old stack by their (abbreviated) ids, and in words why they are left out or otherwise than git would
    /// have them.
    pub explained: Vec<(String, String)>,
}
