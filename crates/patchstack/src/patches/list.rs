//! Lists the patches of a branch.

use super::listing::Listing;
use super::{own, since};
use crate::error::Result;
use crate::releases::{Conventions, Survey};
use crate::repository::{Repository, Revision};
use crate::threads::joined;
use crate::withdrawn::{find, gone};

/// The patches of `branch` on top of `base`, or of the base computed from upstream's refs, and since when each is
/// carried.
///
/// A patch is carried since the oldest of our older release branches from which on every one has it. If the branch is
/// not one of our release branches, all of ours count as older.
///
/// # Errors
/// When the base cannot be computed, or git cannot list patches.
pub fn list(
    repository: &Repository,
    conventions: &Conventions,
    survey: &Survey,
    branch: &Revision,
    base: Option<&Revision>,
) -> Result<Listing> {
    // Older branches are listed beside this one: the listing is to take hardly longer than a plain `git log`.
    let (own, carried, gone) = std::thread::scope(|scope| {
        let older = scope.spawn(|| since::Older::begin(repository, conventions, survey, branch));
        let gone = scope.spawn(|| gone(repository, conventions, &survey.upstream_refs()));
        let own = own::list(repository, conventions, survey, branch, base);
        (own, joined(older), joined(gone))
    });
    let mut own = own?;
    let since = carried?.since(repository, &own.patches)?;
    own.patches.iter_mut().zip(since).for_each(|(patch, since)| patch.since = since);
    for withdrawn in find(repository, &gone?, &own.base.commit, &branch.commit)? {
        let patch = own.patches.iter_mut().find(|patch| patch.commit == withdrawn.commit);
        patch.into_iter().for_each(|patch| patch.withdrawn = Some(withdrawn.known_from.clone()));
    }
    Ok(Listing {
        branch: branch.name.clone(),
        head: branch.commit.clone(),
        base: own.base,
        merges: own.merges,
        patches: own.patches,
    })
}
