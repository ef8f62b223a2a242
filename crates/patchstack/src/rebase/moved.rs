//! Whether upstream has taken back, while the rebase was under way, what it is rebased onto.

use super::State;
use crate::error::Result;
use crate::names::ObjectId;
use crate::releases::Conventions;
use crate::repository::Repository;
use crate::withdrawn;

/// A candidate that upstream has forced to another commit since the rebase was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The candidate, as it was named.
    pub name: String,
    /// What the rebase is onto, which is in no ref of upstream's any more.
    pub was: ObjectId,
    /// What it is now; none if it is gone.
    pub now: Option<ObjectId>,
}

/// Whether the rebase of a branch is onto a commit that upstream had when it was started and has no more.
///
/// # Errors
/// When the record of the rebase is damaged, or git fails.
pub fn moved(repository: &Repository, conventions: &Conventions, branch: &str) -> Result<Option<Moved>> {
    let Some(state) = State::load(repository, branch)? else { return Ok(None) };
    let now = repository.revision(&state.onto_name).ok().map(|revision| revision.commit);
    if now.as_ref() == Some(&state.onto) || withdrawn::upstream_has(repository, conventions, &state.onto)? {
        return Ok(None);
    }
    let is_decided = withdrawn::is_named_all_the_same(&state.onto_name);
    if is_decided || withdrawn::is_branch_of_ours(repository, conventions, &state.onto_name)? {
        return Ok(None);
    }
    Ok(Some(Moved { name: state.onto_name, was: state.onto, now }))
}
