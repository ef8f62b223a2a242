//! What a work tree was like when cutover last saw it. Whoever finds it otherwise has somebody's work before them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::git::Call;
use crate::names::ObjectId;
use crate::rebase::contents::Contents;
use crate::rebase::state::write;
use crate::repository::Repository;

/// The mark, in the work tree's git directory.
const MARK: &str = "cutover-exec";

/// What a work tree was like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The branch whose rebase it was made for.
    pub(super) branch: String,
    /// What was checked out.
    pub(super) head: ObjectId,
    /// What it contained beside that commit.
    contents: Contents,
}

impl Mark {
    /// What the work tree is like now.
    pub(super) fn of(repository: &Repository, folder: &Path, branch: &str) -> Result<Self> {
        let there = Repository::open(repository.git(), folder)?;
        let call = |name, doing: &str| {
            let call = Call::new(name, doing).of_repository(there.own_directory()).inside(folder);
            call.variable("GIT_WORK_TREE", folder)
        };
        let head = call("rev-parse", "see what is checked out in the folder").options(&["--verify"]).operands(["HEAD"]);
        let head = there.git().text(&head)?;
        let head = ObjectId::parse(&head)
            .ok_or_else(|| Error::refused(format!("git named {head:?}"), "nothing was changed"))?;
        Ok(Self { branch: branch.to_owned(), head, contents: Contents::of(repository.git(), folder)? })
    }

    /// The mark of a work tree; none if it was not made here.
    pub(super) fn read(repository: &Repository, folder: &Path) -> Option<Self> {
        let there = Repository::open(repository.git(), folder).ok()?;
        serde_json::from_slice(&std::fs::read(there.own_directory().join(MARK)).ok()?).ok()
    }

    /// Writes it down.
    pub(super) fn write(&self, repository: &Repository, folder: &Path) -> Result<()> {
        let there = Repository::open(repository.git(), folder)?;
        let text = serde_json::to_vec(self).unwrap_or_default();
        let path = there.own_directory().join(MARK);
        write(&path, &text).map_err(|source| Error::File { path, done: "written", source })
    }
}
