//! The list of the patches of a branch.

use serde::Serialize;

use crate::names::{GitPath, ObjectId};
use crate::releases::Codename;
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
    /// That upstream had it and has withdrawn it, as the end of a sentence; none where that is not so.
    pub withdrawn: Option<String>,
}
