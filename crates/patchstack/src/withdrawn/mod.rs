//! Patches of a branch that were upstream's once.
//!
//! Upstream withdraws commits by forcing a candidate to another commit. A branch that is based on the earlier one seems to carry
//! those commits as patches of its own from then on. Where this clone still knows that upstream had them (`traces`), they are
//! told apart, and `verify` asks for a decision: to keep them as patches of ours, or to leave them out.

mod base;
mod find;
mod name;
#[cfg(test)]
mod tests;
mod traces;

pub(crate) use base::{by_its_ref, is_branch_of_ours, refuse_base, upstream_has};
pub use find::of_stack;
pub(crate) use find::{all_of_stack, find};
pub(crate) use name::is_named_all_the_same;
pub(crate) use traces::{Gone, gone};

use serde::{Deserialize, Serialize};

use crate::names::ObjectId;

/// A patch that was upstream's once, and is in no ref of upstream's any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The commit.
    pub commit: ObjectId,
    /// The first line of its message.
    pub subject: String,
    /// How this clone knows, as the end of a sentence: `it was in upstream/open-release/koa.rc2 until 2020-12-01`.
    pub known_from: String,
}

/// The decision to keep a withdrawn patch as one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Why.
    pub(crate) because: String,
    /// Who decided it.
    pub(crate) by: String,
}
