//! A stack, its base, and its patches.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::error::{Error, Result};
use crate::names::{GitPath, ObjectId};
use crate::repository::Revision;

/// Our patches on top of a release.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The branch that carries them.
    pub branch: Revision,
    /// Where they begin.
    pub base: Base,
    /// The patches, oldest first, in the order in which `git rebase` would pick them.
    pub patches: Vec<Patch>,
    /// Merges among them, which flattening leaves out.
    pub merges: Vec<ObjectId>,
}

/// Where a stack begins: the newest commit of upstream's that the branch has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Base {
    /// The commit.
    pub commit: ObjectId,
    /// How it was found, for people: `newest commit of upstream/open-release/koa.rc2`, `given`.
    pub found: String,
}

/// One of our patches: a commit that is not a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The commit.
    pub commit: ObjectId,
    /// The commit before it; none for a root.
    pub parent: Option<ObjectId>,
    /// Its tree.
    pub tree: ObjectId,
    /// Its author.
    pub author: Author,
    /// The first line of its message.
    pub subject: String,
    /// The files that it changes.
    pub changes: Vec<Change>,
}

/// Who wrote a patch, and when. As JSON it is `author` (`Alice <alice@mit.edu>`) and `authored`, among the patch's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Author {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// When, as ISO 8601 with its offset.
    pub date: String,
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{}>", self.name, self.email)
    }
}

impl Serialize for Author {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Author", 2)?;
        fields.serialize_field("author", &self.to_string())?;
        fields.serialize_field("authored", &self.date)?;
        fields.end()
    }
}

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Mode and blob before it; a null id when it is new.
    pub before: (u32, ObjectId),
    /// Mode and blob after it; a null id when it is gone.
    pub after: (u32, ObjectId),
    /// `A`, `M`, `D` or `T`, as git names it.
    pub kind: char,
    /// The file.
    pub path: GitPath,
}

impl Stack {
    /// Whether the branch is a plain sequence of patches, so that nothing has to be flattened.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        self.merges.is_empty()
    }

    /// The patch that an id, whole or abbreviated, means.
    ///
    /// # Errors
    /// When it means none of the patches, or several.
    pub fn find(&self, id: &str) -> Result<ObjectId> {
        let digits = id.to_ascii_lowercase();
        let commits = self.patches.iter().map(|patch| &patch.commit);
        let found: Vec<&ObjectId> = commits.filter(|commit| commit.as_str().starts_with(&digits)).collect();
        match found[..] {
            [commit] if digits.len() >= 4 => Ok(commit.clone()),
            _ => {
                let count = if found.is_empty() { "none".to_owned() } else { found.len().to_string() };
                Err(Error::refused(
                    format!("{id:?} names {count} of the {} patches of {}", self.patches.len(), self.branch.name),
                    format!(
                        "nothing was changed; give at least four digits of a patch's id: `cutover branch patches --branch {}` lists \
                         them",
                        self.branch.name
                    ),
                ))
            }
        }
    }
}
