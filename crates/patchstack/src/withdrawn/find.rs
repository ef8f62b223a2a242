//! Finds the patches of a stack that upstream had.

use std::collections::BTreeMap;

use super::{Gone, Withdrawn, gone};
use crate::error::Result;
use crate::names::ObjectId;
use crate::releases::Conventions;
use crate::repository::{Ref, Repository, ids};
use crate::stack::Stack;

/// The patches of a stack that upstream had, oldest first.
///
/// # Errors
/// When the patterns are wrong, or git fails.
pub fn of_stack(repository: &Repository, conventions: &Conventions, stack: &Stack) -> Result<Vec<Withdrawn>> {
    let upstream: Vec<Ref> = conventions.upstream_refs(repository)?.into_iter().map(|(found, _)| found).collect();
    find(repository, &gone(repository, conventions, &upstream)?, &stack.base.commit, &stack.branch.commit)
}

/// Of the patches on top of `base` up to `head`, those that upstream had, oldest first.
///
/// # Errors
/// When git fails.
pub(crate) fn find(repository: &Repository, gone: &Gone, base: &ObjectId, head: &ObjectId) -> Result<Vec<Withdrawn>> {
    if gone.is_empty() || base == head {
        return Ok(Vec::new());
    }
    let mut patches = patches(repository, base, head)?;
    patches.retain(|commit| gone.known_from(commit).is_some());
    let mut subjects = subjects(repository, &patches)?;
    let told = |commit: ObjectId| {
        let (known_from, subject) = (gone.known_from(&commit)?.to_owned(), subjects.remove(&commit)?);
        Some(Withdrawn { commit, subject, known_from })
    };
    Ok(patches.into_iter().filter_map(told).collect())
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
fn subjects(repository: &Repository, commits: &[ObjectId]) -> Result<BTreeMap<ObjectId, String>> {
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
