//! Which head is published when none is named.

use super::checks;
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::names::{ObjectId, RefName};
use crate::rebase::State;
use crate::repository::Repository;

/// The head of `branch` that is published when none is named: the result of its rebase, unless the branch here has gone on from that;
/// without a rebase, the branch. Whether it is verified, [`publish`](super::publish) asks.
///
/// # Errors
/// When the rebase is not finished, when both the result and the branch here may be meant, or when there is neither.
pub fn head(repository: &Repository, branch: &str) -> Result<ObjectId> {
    let state = State::load(repository, branch)?;
    let result = repository.find(&State::work_ref(branch)?)?;
    if let Some(state) = &state {
        checks::refuse_unfinished(repository, state, result.as_ref())?;
    }
    let here = repository.find(&RefName::branch(branch)?)?;
    match (result, here) {
        (Some(result), Some(here)) => later(repository, branch, state.as_ref(), result, here),
        (Some(only), None) | (None, Some(only)) => Ok(only),
        (None, None) => Ok(repository.revision(branch)?.commit),
    }
}

/// The one that replaces the other. That the branch here contains the result says nothing alone: an earlier result contains a later
/// one that leaves out its last patches.
fn later(
    repository: &Repository,
    branch: &str,
    state: Option<&State>,
    result: ObjectId,
    here: ObjectId,
) -> Result<ObjectId> {
    if result == here {
        return Ok(result);
    }
    let (before_result, before_here) = (replaced(repository, &result)?, replaced(repository, &here)?);
    let was_rebased = match state {
        Some(state) => here == state.old || repository.is_ancestor(&here, &state.old)?,
        None => false,
    };
    let is_verified = !before_here.is_empty();
    let result_is_later = was_rebased || before_result.contains(&here);
    let here_is_later =
        if is_verified { before_here.contains(&result) } else { repository.is_ancestor(&result, &here)? };
    match (result_is_later, here_is_later) {
        (false, true) => Ok(here),
        (true, false) => Ok(result),
        (false, false) if !is_verified => Ok(result),
        _ => Err(either(branch, &result, &here)),
    }
}

/// What a verified head replaced, and what that replaced, as ledgers say: the patches of all of these are accounted for. Nothing, if it
/// was not verified.
///
/// # Errors
/// When a ledger cannot be read.
pub fn replaced(repository: &Repository, head: &ObjectId) -> Result<Vec<ObjectId>> {
    let mut heads: Vec<ObjectId> = Vec::new();
    while let Some(ledger) = Ledger::read(repository, heads.last().unwrap_or(head))? {
        let old = ledger.old.head;
        // A head that was compared with itself ends it.
        if old == *head || heads.contains(&old) {
            break;
        }
        heads.push(old);
    }
    Ok(heads)
}

fn either(branch: &str, result: &ObjectId, here: &ObjectId) -> Error {
    let named = |head: &ObjectId| format!("`cutover branch publish --branch {branch} --head {}`", head.short());
    let (by_result, by_here) = (named(result), named(here));
    Error::refused(
        format!(
            "{branch} has two heads that may be meant: {}, the result of its rebase, and {}, the branch in this clone, which was \
             verified, too, and not with the other",
            result.short(),
            here.short()
        ),
        format!(
            "nothing was changed; name the one to publish: {by_result} for the result, {by_here} for the branch in this clone"
        ),
    )
}
