//! What a rebase is to do.

use std::path::PathBuf;

use crate::names::ObjectId;
use crate::releases::Conventions;
use crate::repository::Revision;
use crate::stack::Stack;

/// What is to be rebased, and where to.
#[derive(Clone, Debug)]
pub struct Request {
    /// How releases are named: the result is never for a branch of upstream's.
    pub conventions: Conventions,
    /// The patches.
    pub stack: Stack,
    /// The release that they go onto.
    pub onto: Revision,
    /// The branch that the result is for, without `refs/heads/`: `mitx/koa`.
    pub target: String,
    /// Patches to leave out, and why.
    pub skip: Vec<(ObjectId, String)>,
    /// Where a conflict is shown; none for a folder beside the repository.
    pub folder: Option<PathBuf>,
    /// Why it is right that flattening the branch's merges loses something.
    pub accept_loss: Option<String>,
    /// A command for a shell, to be run on the result.
    pub exec: Option<String>,
    /// Whether commits of upstream's that the stack stands on may be left behind, because `onto` lacks them.
    pub backwards: bool,
}
