//! Finds the patches of a stack that upstream had.

use super::{Trace, Withdrawn, traces};
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
    let traces = traces(repository, conventions, &upstream)?;
    find(repository, &traces, &stack.base.commit, &stack.branch.commit)
}

/// Of the patches on top of `base` up to `head`, those that upstream had, oldest first.
///
/// # Errors
/// When git fails.
pub(crate) fn find(
    repository: &Repository,
    traces: &[Trace],
    base: &ObjectId,
    head: &ObjectId,
) -> Result<Vec<Withdrawn>> {
    if traces.is_empty() || base == head {
        return Ok(Vec::new());
    }
    let all = patches(repository, base, head, &[])?;
    let ours = patches(repository, base, head, traces)?;
    let withdrawn = all.into_iter().filter(|commit| !ours.contains(commit));
    withdrawn.map(|commit| told(repository, traces, commit)).collect()
}

/// The commits without merges that `head` has and neither `base` nor any of `without`, oldest first.
fn patches(repository: &Repository, base: &ObjectId, head: &ObjectId, without: &[Trace]) -> Result<Vec<ObjectId>> {
    let mut input = format!("{head}\n^{base}\n");
    without.iter().for_each(|trace| input.push_str(&format!("^{}\n", trace.commit)));
    let call = repository
        .call("rev-list", "look for patches that upstream had")
        // A ledger of a colleague can name a base that this clone has never had.
        .options(&["--ignore-missing", "--no-merges", "--topo-order", "--reverse", "--stdin"])
        .input(input);
    Ok(ids(&repository.git().output(&call)?))
}

/// A withdrawn patch with how this clone knows.
fn told(repository: &Repository, traces: &[Trace], commit: ObjectId) -> Result<Withdrawn> {
    let call = repository
        .log(format!("read {}", commit.short()))
        .options(&["--no-walk", "--format=%s"])
        .operands([commit.as_str()]);
    let subject = repository.git().text(&call)?.trim().to_owned();
    let mut known_from = "upstream had it".to_owned();
    for trace in traces {
        if repository.is_ancestor(&commit, &trace.commit).unwrap_or(false) {
            known_from.clone_from(&trace.known_from);
            break;
        }
    }
    Ok(Withdrawn { commit, subject, known_from })
}
