//! Finds the patches of a stack that upstream had.

use std::collections::BTreeMap;

use super::{Gone, Kept, Withdrawn, gone};
use crate::error::Result;
use crate::names::ObjectId;
use crate::releases::Conventions;
use crate::repository::{Ref, Repository, ids};
use crate::stack::Stack;

/// The patches of a stack that upstream had, oldest first, apart from those that somebody has decided to keep.
///
/// # Errors
/// When the patterns are wrong, or git fails.
pub fn of_stack(repository: &Repository, conventions: &Conventions, stack: &Stack) -> Result<Vec<Withdrawn>> {
    Ok(undecided(all_of_stack(repository, conventions, stack)?))
}

/// The patches of a stack that upstream had, oldest first, each with the decision to keep it, if there is one.
pub(crate) fn all_of_stack(
    repository: &Repository,
    conventions: &Conventions,
    stack: &Stack,
) -> Result<Vec<(Withdrawn, Option<Kept>)>> {
    let upstream: Vec<Ref> = conventions.upstream_refs(repository)?.into_iter().map(|(found, _)| found).collect();
    all(repository, &gone(repository, conventions, &upstream)?, &stack.base.commit, &stack.branch.commit)
}

/// Of the patches on top of `base` up to `head`, those that upstream had and that nobody has decided to keep, oldest first.
///
/// # Errors
/// When git fails.
pub(crate) fn find(repository: &Repository, gone: &Gone, base: &ObjectId, head: &ObjectId) -> Result<Vec<Withdrawn>> {
    Ok(undecided(all(repository, gone, base, head)?))
}

fn undecided(all: Vec<(Withdrawn, Option<Kept>)>) -> Vec<Withdrawn> {
    all.into_iter().filter(|(_, kept)| kept.is_none()).map(|(withdrawn, _)| withdrawn).collect()
}

/// A decision holds as long as the commit is in the stack: it is in the ledger of a commit of the stack.
fn all(
    repository: &Repository,
    gone: &Gone,
    base: &ObjectId,
    head: &ObjectId,
) -> Result<Vec<(Withdrawn, Option<Kept>)>> {
    if gone.is_empty() || base == head {
        return Ok(Vec::new());
    }
    let patches = patches(repository, base, head)?;
    let withdrawn: Vec<&ObjectId> = patches.iter().filter(|commit| gone.known_from(commit).is_some()).collect();
    let mut subjects = subjects(repository, &withdrawn)?;
    let is_head = |commit: &ObjectId| commit == head || patches.contains(commit);
    let told = |commit: &ObjectId| {
        let (known_from, subject) = (gone.known_from(commit)?.to_owned(), subjects.remove(commit)?);
        let kept = gone.kept(commit, is_head).cloned();
        Some((Withdrawn { commit: commit.clone(), subject, known_from }, kept))
    };
    Ok(withdrawn.into_iter().filter_map(told).collect())
}

/// The commits without merges that `head` has and `base` lacks, oldest first.
fn patches(repository: &Repository, base: &ObjectId, head: &ObjectId) -> Result<Vec<ObjectId>> {
    let call = repository
        .call("rev-list", "look for patches that upstream had")
        .options(&["--no-merges", "--topo-order", "--reverse", "--stdin"])
        .input(format!("{head}\n^{base}\n"));
    Ok(ids(&repository.git().output(&call)?))
}

/// The first line of each commit's message.
fn subjects(repository: &Repository, commits: &[&ObjectId]) -> Result<BTreeMap<ObjectId, String>> {
    if commits.is_empty() {
        return Ok(BTreeMap::new());
    }
    let call = repository
        .log("read the subjects of patches that upstream had")
        .options(&["--no-walk=unsorted", "--format=%H %s", "--stdin"])
        .input(commits.iter().map(|commit| format!("{commit}\n")).collect::<String>());
    let text = repository.git().text(&call)?;
    let subject = |line: &str| {
        let (commit, subject) = line.split_once(' ')?;
        Some((ObjectId::parse(commit)?, subject.trim().to_owned()))
    };
    Ok(text.lines().filter_map(subject).collect())
}
