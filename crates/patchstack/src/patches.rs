//! The patches of a branch, with since which release each is carried.

mod own;
mod since;

use std::thread::ScopedJoinHandle;

use serde::Serialize;

use crate::error::Result;
use crate::names::{GitPath, ObjectId};
use crate::releases::{Codename, Conventions, Survey};
use crate::repository::{Repository, Revision};
use crate::stack::{Author, Base};

/// The patches of a branch.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// The branch, as it was named.
    pub branch: String,
    /// Its head.
    pub head: ObjectId,
    /// Where its stack begins.
    pub base: Base,
    /// How many merges flattening leaves out.
    pub merges: usize,
    /// The patches, oldest first.
    pub patches: Vec<Listed>,
}

/// One patch.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// The commit.
    pub commit: ObjectId,
    /// The first line of its message.
    pub subject: String,
    /// Who wrote it, and when.
    #[serde(flatten)]
    pub author: Author,
    /// The files that it changes.
    pub files: Vec<GitPath>,
    /// The oldest of our release branches that carries it; none when that is this one.
    pub since: Option<Codename>,
}

/// The patches of `branch` on top of `base`, or of the base that upstream's refs tell, and since when each is carried.
///
/// A patch is carried since the oldest of our older release branches from which on every one has it. Where the branch is
/// none of our release branches, all of ours count as older.
///
/// # Errors
/// When the base cannot be told, or git cannot list patches.
pub fn list(
    repository: &Repository,
    conventions: &Conventions,
    survey: &Survey,
    branch: &Revision,
    base: Option<&Revision>,
) -> Result<Listing> {
    // Older branches are listed beside this one: the listing is to take hardly longer than a plain `git log`.
    let (own, carried) = std::thread::scope(|scope| {
        let older = scope.spawn(|| since::Older::begin(repository, conventions, survey, branch));
        let own = own::list(repository, conventions, survey, branch, base);
        (own, joined(older))
    });
    let mut own = own?;
    let since = carried?.since(repository, &own.patches)?;
    own.patches.iter_mut().zip(since).for_each(|(patch, since)| patch.since = since);
    Ok(Listing {
        branch: branch.name.clone(),
        head: branch.commit.clone(),
        base: own.base,
        merges: own.merges,
        patches: own.patches,
    })
}

/// What a thread came to; its panic goes on here.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
