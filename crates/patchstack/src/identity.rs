//! Whether two commits are the same patch: git's patch ids, which leave line numbers out.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::git::{Call, Git};
use crate::names::ObjectId;

/// How similar two patches must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same in every line, including the lines around the change.
    Verbatim,
    /// The same except for white space.
    Stable,
}

/// The patch ids of commits. `call` makes calls in the repository that has them. A commit that changes nothing has
/// none.
///
/// # Errors
/// When git cannot compute them.
pub fn patch_ids<'a>(
    git: &Git,
    call: &dyn Fn(&'static str, &str) -> Call,
    commits: impl IntoIterator<Item = &'a ObjectId>,
    likeness: Likeness,
) -> Result<BTreeMap<ObjectId, String>> {
    let input: String = commits.into_iter().map(|commit| format!("{commit}\n")).collect();
    if input.is_empty() {
        return Ok(BTreeMap::new());
    }
    let diffs = call("diff-tree", "compare patches")
        .options(&["--stdin", "--patch", "-r", "--root", "--full-index", "--no-renames", "--no-color"])
        .options(&["--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "--diff-algorithm=default"])
        .input(input);
    let diffs = git.output(&diffs)?;
    let how = match likeness {
        Likeness::Verbatim => "--verbatim",
        Likeness::Stable => "--stable",
    };
    let ids = git.text(&call("patch-id", "compare patches").options(&[how]).input(diffs))?;
    let pairs = ids.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs.filter_map(|(id, commit)| Some((ObjectId::parse(commit)?, id.to_owned()))).collect())
}
