//! The state of a rebase, as commands report it.

use serde::Serialize;

use super::exec::Exec;
use crate::ledger::Named;
use crate::names::{GitPath, ObjectId};
use crate::releases::Codename;
use crate::withdrawn::Withdrawn;

/// The state of a rebase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The branch that the result is for.
    pub branch: String,
    /// The head that is being rebased.
    pub old: ObjectId,
    /// Where its stack begins.
    pub base: ObjectId,
    /// What it is rebased onto.
    pub onto: ObjectId,
    /// The name that was given for it.
    pub onto_name: String,
    /// Commits of upstream's that the old stack stands on and the new base lacks.
    pub left_behind: Vec<Named>,
    /// The code name of upstream's release that the patches leave, if the new base is of another one: commits that are left behind
    /// were made on the old release.
    pub leaves: Option<Codename>,
    /// Patches that upstream had and has withdrawn, as far as they are not left out.
    pub withdrawn: Vec<Withdrawn>,
    /// The command that is run on the result.
    pub exec: Option<Exec>,
    /// How many patches there are.
    pub total: usize,
    /// How many of them are done.
    pub done: usize,
    /// Patches that were left out, and why.
    pub skipped: Vec<Skipped>,
    /// Patches whose conflicts a person resolved.
    pub resolved: Vec<ObjectId>,
    /// Patches of which nothing was left.
    pub empty: Vec<ObjectId>,
    /// The head so far; the result when nothing is left.
    pub head: ObjectId,
    /// The ref that holds it.
    pub work_ref: String,
    /// Where a person is needed; none when it is done.
    pub stop: Option<Stop>,
}

/// A patch that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The patch.
    pub commit: ObjectId,
    /// Its subject.
    pub subject: String,
    /// Why.
    pub because: String,
}

/// Where a person is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// The patch.
    pub commit: ObjectId,
    /// Its subject.
    pub subject: String,
    /// The folder with the conflict in it.
    pub folder: String,
    /// The conflicting files, as they are called in the folder.
    pub files: Vec<GitPath>,
    /// Of those, submodules: `git add` cannot resolve them, because their folders are empty there.
    pub submodules: Vec<Submodule>,
    /// Of those, the ones to which an earlier resolution was applied, for review.
    pub offered: Vec<GitPath>,
    /// Whether somebody has given up the cherry-pick in the folder: nothing of the conflict is in it until it is shown again.
    pub given_up: bool,
    /// Git's words on the conflict.
    pub messages: Vec<String>,
}

/// A conflicting submodule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Submodule {
    /// Its path.
    pub path: GitPath,
    /// The commit that is there now; none if the submodule is not there.
    pub there: Option<ObjectId>,
    /// The commit that the patch wants; none if the patch removes the submodule.
    pub patch: Option<ObjectId>,
}
