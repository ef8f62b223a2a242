//! The two stacks that are compared, and the rebase between them.

use super::Request;
use crate::error::{Error, Result};
use crate::forecast::flattening;
use crate::names::{RefName, abridged};
use crate::rebase::{State, standing};
use crate::repository::{Repository, Revision};
use crate::stack::{Base, Stack};
use crate::withdrawn;

/// The two stacks, and the rebase that led from one to the other, if it was made by cutover and both are from it.
#[derive(Debug)]
pub(super) struct Sides {
    pub(super) old: Stack,
    pub(super) new: Stack,
    pub(super) rebase: Option<State>,
}

/// The stacks that were given, or those of the rebase that is under way.
pub(super) fn of(repository: &Repository, request: &Request) -> Result<Sides> {
    RefName::branch(&request.branch)?;
    let (old, new, rebase) = match (request.old.clone(), request.new.clone()) {
        (Some(old), Some(new)) => (old, new, None),
        (old, new) => {
            let state = finished(repository, &request.branch)?;
            let branch =
                Revision { name: state.branch.clone(), reference: state.reference.clone(), commit: state.old.clone() };
            let from_rebase = (branch, state.old_base());
            // What was said in the rebase was said of its own stack.
            let says = old.is_none() || old.as_ref().is_some_and(|(branch, _)| branch.commit == state.old);
            let result = result(repository, &state)?;
            (old.unwrap_or(from_rebase), new.unwrap_or(result), Some(state).filter(|_| says))
        }
    };
    let sides = Sides { old: listed_on(repository, old)?, new: listed_on(repository, new)?, rebase };
    refuse_odd_merges(repository, &sides.new)?;
    let base = &sides.new.base;
    withdrawn::refuse_base(repository, &request.conventions, &request.branch, (&base.commit, &base.found))?;
    Ok(sides)
}

/// The rebase that is under way, if it is finished.
fn finished(repository: &Repository, branch: &str) -> Result<State> {
    let state = State::load(repository, branch)?;
    let (Some(state), Some(standing)) = (state, standing(repository, branch)?) else {
        return Err(Error::refused(
            format!("no rebase of {branch} is under way, so there is nothing to compare"),
            "nothing was changed; rebase first, or name both stacks: --old REF --new REF",
        ));
    };
    match standing.stop {
        None => state.refuse_failed_command().map(|()| state),
        Some(stop) => Err(Error::refused(
            format!(
                "the rebase of {branch} is not finished: {} of {} patches are done, and {} ({}) conflicts",
                standing.done,
                standing.total,
                stop.commit.short(),
                stop.subject
            ),
            format!("nothing was changed; continue with `cutover branch rebase --branch {branch} --continue`"),
        )),
    }
}

/// The commit of the work ref, which is verified as it is.
fn result(repository: &Repository, state: &State) -> Result<(Revision, Base)> {
    let work = State::work_ref(&state.target)?;
    let commit = repository.find(&work)?.ok_or_else(|| {
        Error::refused(
            format!("{}, the ref with the result of the rebase, does not exist any more", work.as_str()),
            format!(
                "nothing was changed; `cutover branch rebase --branch {} --continue` creates it again",
                state.target
            ),
        )
    })?;
    let base = Base { commit: state.onto.clone(), found: state.onto_name.clone() };
    Ok((Revision { name: work.as_str().to_owned(), reference: Some(work), commit }, base))
}

fn listed_on(repository: &Repository, (branch, base): (Revision, Base)) -> Result<Stack> {
    if !repository.is_ancestor(&base.commit, &branch.commit)? {
        return Err(Error::refused(
            format!("{} is not based on {} ({})", branch.name, base.commit.short(), base.found),
            "nothing was changed; name where its patches begin with --old-base or --new-base",
        ));
    }
    Stack::list(repository, branch, base)
}

/// Refuses a new stack whose merges contain changes that are in no patch, since nobody would review those.
fn refuse_odd_merges(repository: &Repository, new: &Stack) -> Result<()> {
    let lost = flattening(repository, new)?.lost;
    if lost.is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        format!(
            "the merges in {} contain changes that are in none of its patches: {}",
            new.branch.name,
            abridged(&lost)
        ),
        "nothing was changed; rebase it without merges, and verify that",
    ))
}
