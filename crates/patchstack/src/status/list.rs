//! The status of all our release branches.

use super::look::Look;
use super::{BranchStatus, RebaseStatus};
use crate::error::Result;
use crate::rebase::State;
use crate::releases::Conventions;
use crate::repository::Repository;
use crate::threads::joined;
use crate::withdrawn::gone;

/// How many branches are looked at at once.
const AT_ONCE: usize = 4;

/// The status of each of our release branches, in code name order; empty when there are none.
///
/// A problem with one branch is reported in its `trouble`, and does not affect the others.
///
/// # Errors
/// When the patterns are wrong, a remote is missing, or git cannot list refs.
pub fn status(repository: &Repository, conventions: &Conventions) -> Result<Vec<BranchStatus>> {
    conventions.check()?;
    conventions.need_remotes(repository, &[&conventions.upstream, &conventions.origin])?;
    let survey = conventions.survey(repository)?;
    let gone = gone(repository, conventions, &survey.upstream_refs())?;
    let look = Look { repository, conventions, survey: &survey, gone: &gone };
    let mut all = Vec::with_capacity(survey.ours.len());
    for some in survey.ours.chunks(AT_ONCE) {
        let seen: Vec<Option<BranchStatus>> = std::thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|ours| scope.spawn(move || look.branch(ours))).collect();
            threads.into_iter().map(joined).collect()
        });
        all.extend(seen.into_iter().flatten());
    }
    Ok(all)
}

/// The rebases for branches that `status` does not list, because they do not exist yet: what `rebase --as` makes.
///
/// # Errors
/// When a record of a rebase cannot be read.
pub fn rebases_of_new_branches(repository: &Repository, listed: &[BranchStatus]) -> Result<Vec<RebaseStatus>> {
    let all = State::all(repository)?.into_iter().map(RebaseStatus::of);
    Ok(all.filter(|rebase| listed.iter().all(|branch| branch.branch != rebase.branch)).collect())
}
