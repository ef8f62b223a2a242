//! What goes into a replay beside the patches, and what comes out of it.

use std::collections::BTreeMap;

use crate::names::{GitPath, ObjectId};
use crate::stack::Patch;

/// The decisions of a person on patches.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// Patches that are left out.
    pub skipped: Vec<ObjectId>,
    /// For patches that conflict: the tree that a person made of it, and the committer line of that person
    /// (`Alice <alice@mit.edu> 1606000000 -0500`).
    pub resolved: BTreeMap<ObjectId, Resolution>,
}

/// The resolution of a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The whole tree, with the patch.
    pub tree: ObjectId,
    /// The commit that it was made on: it holds for this one only.
    pub on: ObjectId,
    /// The committer line: `Alice <alice@mit.edu> 1606000000 -0500`.
    pub committer: String,
    /// The message, if that person edited it; none for the patch's own.
    pub message: Option<String>,
}

/// What to do when a patch conflicts and nobody has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtConflict {
    /// Leave it out and continue.
    Skip,
    /// Stop before it.
    Stop,
}

/// The outcome of a replay.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The head of it.
    pub head: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// What became of each patch, in stack order; ends with the first undecided conflict when it was to stop.
    pub picks: Vec<Picked>,
}

/// What became of a patch.
#[derive(Clone, Debug)]
pub enum Picked {
    /// It stayed the same commit, since its parent did not change.
    AsItWas,
    /// Git merged it.
    Merged {
        /// The commit that it is now.
        commit: ObjectId,
        /// With this tree.
        tree: ObjectId,
    },
    /// A person resolved it.
    Resolved {
        /// The commit that it is now.
        commit: ObjectId,
        /// With this tree.
        tree: ObjectId,
    },
    /// Nothing was left of it, so it was left out.
    Empty,
    /// A person decided to leave it out.
    Skipped,
    /// It conflicts, and nobody has decided.
    Conflict(Conflict),
}

impl Picked {
    /// The commit that `patch` is now; none if it is left out.
    pub(crate) fn commit<'a>(&'a self, patch: &'a Patch) -> Option<&'a ObjectId> {
        match self {
            Self::AsItWas => Some(&patch.commit),
            Self::Merged { commit, .. } | Self::Resolved { commit, .. } => Some(commit),
            Self::Empty | Self::Skipped | Self::Conflict(_) => None,
        }
    }
}

/// What git says of a merge that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The commit that the patch was to be put on.
    pub on: ObjectId,
    /// The tree with conflict markers in its files.
    pub tree: ObjectId,
    /// What the index would hold for conflicting paths.
    pub stages: Vec<Stage>,
    /// Git's words.
    pub messages: Vec<Message>,
}

/// One side of a conflicting path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its mode.
    pub mode: u32,
    /// Its blob.
    pub blob: ObjectId,
    /// 1 for the base, 2 for what is there, 3 for the patch.
    pub side: u8,
    /// The path.
    pub path: GitPath,
}

impl Stage {
    /// A line of an index as git lists it: `100644 ID 2<TAB>lms/urls.py`.
    pub(crate) fn read(entry: &[u8]) -> Option<Self> {
        let tab = entry.iter().position(|byte| *byte == b'\t')?;
        let words = std::str::from_utf8(&entry[..tab]).ok()?;
        let mut words = words.split(' ');
        Some(Self {
            mode: u32::from_str_radix(words.next()?, 8).ok()?,
            blob: ObjectId::parse(words.next()?)?,
            side: words.next()?.parse().ok()?,
            path: GitPath::new(&entry[tab + 1..]),
        })
    }
}

/// Git's words on one thing that happened in a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The paths that it is about.
    pub paths: Vec<GitPath>,
    /// What kind it is, as git names it: `CONFLICT (contents)`, `Auto-merging`.
    pub kind: String,
    /// The words.
    pub text: String,
}

impl Conflict {
    /// The conflicting paths, each once, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<GitPath> {
        let mut paths: Vec<GitPath> = self.stages.iter().map(|stage| stage.path.clone()).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Whether a path conflicts, and the base, what is there and the patch all have it.
    pub(crate) fn has_all_sides(&self, path: &GitPath) -> bool {
        let has = |side| self.stages.iter().any(|stage| stage.side == side && stage.path == *path);
        has(1) && has(2) && has(3)
    }
}

/// A merge that git did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It came out clean, with this tree.
    Clean(ObjectId),
    /// It needs a person.
    Conflict(Conflict),
}
