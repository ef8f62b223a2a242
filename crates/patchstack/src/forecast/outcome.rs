//! What a forecast says: the fate of each patch, and why.

use serde::Serialize;

use crate::ledger::Named;
use crate::names::{GitPath, ObjectId};
use crate::releases::Codename;
use crate::stack::Author;
use crate::upstream::UpstreamCommit;
use crate::withdrawn::Withdrawn;

/// The forecast of a rebase of a branch onto a release.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// The branch, as it was named.
    pub branch: String,
    /// Its head.
    pub branch_head: ObjectId,
    /// Where its stack begins.
    pub base: ObjectId,
    /// How that was found.
    pub base_found: String,
    /// What it would be rebased onto.
    pub onto: ObjectId,
    /// The name that was given for it.
    pub onto_name: String,
    /// The tree of the result, with conflicting patches skipped.
    pub tree: ObjectId,
    /// The head of the result. `branch rebase` makes this very commit when nothing conflicts.
    pub head: ObjectId,
    /// Commits of upstream's that the stack stands on and that the target lacks, newest first: they would be gone.
    pub left_behind: Vec<Named>,
    /// The code name of upstream's release that the patches leave, if the new base is of another one: commits that are left behind
    /// were made on the old release.
    pub leaves: Option<Codename>,
    /// Patches that upstream had and has withdrawn. `forecast` leaves it empty: only callers that know upstream's refs can tell.
    pub withdrawn: Vec<Withdrawn>,
    /// Our branch of the target's release, where that is another release than the branch's: the result is for that one. Like
    /// `withdrawn`, it is for callers that know how releases are named.
    pub target: Option<String>,
    /// What flattening the branch's merges would lose, when it has any.
    pub flattening: Flattening,
    /// Every patch, in stack order.
    pub patches: Vec<PatchForecast>,
}

/// Whether the patches alone, replayed on their old base, give the tree of the branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flattening {
    /// How many merges the branch has on top of its base.
    pub merges: usize,
    /// Files that differ without the merges; none when flattening is lossless.
    pub lost: Vec<GitPath>,
}

/// What becomes of one patch.
#[derive(Clone, Debug, Serialize)]
pub struct PatchForecast {
    /// The commit.
    pub commit: ObjectId,
    /// The first line of its message.
    pub subject: String,
    /// Who wrote it, and when.
    #[serde(flatten)]
    pub author: Author,
    /// What becomes of it.
    pub fate: Fate,
    /// The commit that it becomes; none when it is left out.
    pub becomes: Option<ObjectId>,
    /// The conflicting files.
    pub files: Vec<GitPath>,
    /// Why, in words.
    pub because: String,
    /// The conflicts inside files.
    pub hunks: Vec<Hunk>,
    /// Upstream's commits that touched the conflicting files; of a patch that upstream has already, the one that brings it.
    pub upstream: Vec<UpstreamCommit>,
    /// Patches before it that are left out and that it needs.
    pub depends_on: Vec<ObjectId>,
}

/// What becomes of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// The same change, line for line.
    Applies,
    /// It applies, but its diff or the lines around it have changed.
    Changed,
    /// It conflicts: a person has to resolve it.
    Conflicts,
    /// Upstream has the same patch.
    Upstreamed,
    /// Nothing is left of it: an earlier patch of ours is the same, or has its content.
    Included,
    /// Nothing is left of it: upstream has the same content in other commits.
    Empty,
}

/// A conflict inside a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// The file.
    pub path: GitPath,
    /// The line in the merged file where it begins, from 1.
    pub line: usize,
    /// What is there, after upstream and the patches before, as text.
    pub there: String,
    /// What the patch would have instead, as text.
    pub patch: String,
}

impl Forecast {
    /// Whether the rebase would need no person: nothing conflicts, and nothing is lost or left behind.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let conflicts = self.patches.iter().any(|patch| patch.fate == Fate::Conflicts);
        !conflicts && self.flattening.lost.is_empty() && self.left_behind.is_empty()
    }
}
