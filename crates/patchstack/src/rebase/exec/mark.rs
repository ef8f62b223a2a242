//! What a work tree was like when cutover last saw it. Whoever finds it otherwise has somebody's work before them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::names::ObjectId;
use crate::rebase::snapshot::Snapshot;
use crate::rebase::state::write;
use crate::rebase::work_tree::Folder;
use crate::repository::Repository;

/// The mark, in the work tree's git directory.
const MARK: &str = "cutover-exec";

/// What a work tree was like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The branch whose rebase it was made for.
    pub(super) branch: String,
    snapshot: Snapshot,
}

impl Mark {
    /// What the work tree is like now.
    pub(super) fn of(repository: &Repository, path: &Path, branch: &str) -> Result<Self> {
        let snapshot = Snapshot::take(repository.git(), &opened(repository, path)?)?;
        Ok(Self { branch: branch.to_owned(), snapshot })
    }

    /// What is different in `now`, in words; none if nothing is.
    pub(super) fn difference(&self, now: &Self) -> Option<String> {
        self.snapshot.difference(&now.snapshot)
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

/// What is checked out in a work tree.
pub(super) fn head(repository: &Repository, path: &Path) -> Result<ObjectId> {
    opened(repository, path)?.head(repository.git())
}

fn opened(repository: &Repository, path: &Path) -> Result<Folder> {
    let there = Repository::open(repository.git(), path)?;
    Ok(Folder { path: path.to_owned(), directory: there.own_directory().to_owned() })
}
