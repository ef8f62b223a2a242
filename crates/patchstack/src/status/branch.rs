//! The status of one release branch.

use serde::Serialize;

use crate::names::ObjectId;
use crate::rebase::State;
use crate::releases::Codename;
use crate::withdrawn::Withdrawn;

/// The status of one of our release branches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BranchStatus {
    /// Our branch: `mitx/koa`.
    pub branch: String,
    /// Its release.
    pub codename: Codename,
    /// Its head in this clone; the remote's when there is no branch in this clone.
    pub head: ObjectId,
    /// Where its stack begins, and the release that this is: `open-release/koa.rc2`.
    pub base: Option<BaseStatus>,
    /// How many patches are on top of it; none when the base is not known.
    pub patches: Option<usize>,
    /// Of these, the ones that upstream had and has withdrawn.
    pub withdrawn: Vec<Withdrawn>,
    /// Upstream's newest of this release.
    pub newest: Option<NewestStatus>,
    /// What the remote has of it.
    pub published: Published,
    /// Who pushed or committed the remote's head, and how that is known.
    pub last: Option<LastPush>,
    /// The rebase of it, while neither the branch nor the remote has the result.
    pub rebase: Option<RebaseStatus>,
    /// Whether the head has a complete ledger, so that images may be built from it.
    pub verified: bool,
    /// What could not be found out, and why.
    pub trouble: Option<String>,
}

/// A rebase for one of our branches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RebaseStatus {
    /// The branch that the result is for, which need not exist.
    pub branch: String,
    /// What it is rebased onto, as that was named.
    pub onto: String,
    /// The result, once nothing is left to decide.
    pub result: Option<ObjectId>,
    /// Whether the command of `--exec` has yet to succeed on it.
    pub lacks_command: bool,
}

impl RebaseStatus {
    pub(super) fn of(state: State) -> Self {
        let lacks_command = state.refuse_failed_command().is_err();
        Self { branch: state.target, onto: state.onto_name, result: state.result, lacks_command }
    }
}

/// Where a stack begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaseStatus {
    /// The commit.
    pub commit: ObjectId,
    /// The newest release that it belongs to.
    pub release: String,
}

/// Upstream's newest of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewestStatus {
    /// Its name: `upstream/open-release/koa.rc3`.
    pub name: String,
    /// Its commit.
    pub commit: ObjectId,
    /// How many commits of it the base lacks.
    pub behind: usize,
    /// How many commits of the base it lacks, and has not as other commits with the same change.
    pub lacks: usize,
}

/// What the remote has of a branch, as far as this clone knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Published {
    /// The remote has none.
    No,
    /// The remote has the same.
    Same,
    /// Only the remote has it.
    OnlyThere,
    /// Both have commits that the other lacks, or one of them has.
    Differs {
        /// Commits only in this clone.
        ahead: usize,
        /// Commits only on the remote.
        behind: usize,
    },
}

/// Who was the last to push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastPush {
    /// Who.
    pub who: String,
    /// When, as RFC 3339.
    pub at: String,
    /// `published` from a ledger, or `committed` when only the head's committer is known.
    pub known_from: &'static str,
}
