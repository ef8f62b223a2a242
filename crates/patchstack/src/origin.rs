//! Finds what brings the content of a patch of which nothing is left: commits of upstream's, or patches of ours.
//!
//! A commit contains a patch if git merges the patch there and nothing changes. That the head of a branch contains it says
//! nothing of upstream: another patch of ours may be the same, or the two may have been squashed.

use crate::error::Result;
use crate::identity::{Likeness, patch_ids};
use crate::names::ObjectId;
use crate::replay::{Engine, Merged, changes_attributes};
use crate::repository::Repository;
use crate::stack::Patch;
use crate::upstream::{UpstreamCommit, commit, main_line};

/// What brings the content of a patch.
pub(crate) enum Origin {
    /// Upstream's commit that is the same patch.
    Same(UpstreamCommit),
    /// The commit of upstream's main line since which the content is there.
    Upstream(UpstreamCommit),
    /// A patch of ours, by its index in the stack.
    Ours { index: usize, is_same: bool },
    /// The content was there before upstream and we parted: the patch changes back what an earlier one of ours changed.
    Before,
    /// Upstream has it, and no commit can be named.
    Unknown,
}

/// The patches of a stack as commits on a new base.
pub(crate) struct Line<'a> {
    repository: &'a Repository,
    old_base: &'a ObjectId,
    new_base: &'a ObjectId,
    steps: Vec<Step>,
}

struct Step {
    /// The index of the patch in the stack.
    index: usize,
    commit: ObjectId,
    /// The commit whose attributes (`.gitattributes`) git uses for merges onto this one.
    attributes: ObjectId,
}

impl<'a> Line<'a> {
    /// `stack` has the patches with the commits that they are now, oldest first, without a commit for those that are left out.
    pub(crate) fn new<'b>(
        repository: &'a Repository,
        old_base: &'a ObjectId,
        new_base: &'a ObjectId,
        stack: impl Iterator<Item = (&'b Patch, Option<&'b ObjectId>)>,
    ) -> Self {
        let mut heeded = new_base.clone();
        let kept = stack.enumerate().filter_map(|(index, (patch, commit))| Some((index, patch, commit?)));
        let steps = kept.map(|(index, patch, commit)| {
            if changes_attributes(patch) {
                heeded = commit.clone();
            }
            Step { index, commit: commit.clone(), attributes: heeded.clone() }
        });
        Self { repository, old_base, new_base, steps: steps.collect() }
    }

    /// What brings the content of `patch`, which the last commit before the patch at `end` in the stack contains. `twin` is
    /// upstream's commit that is the same patch, if there is one. The engine heeds the attributes of the new base afterwards.
    pub(crate) fn origin(
        &self,
        engine: &mut Engine,
        patch: &Patch,
        end: usize,
        twin: Option<&UpstreamCommit>,
    ) -> Result<Origin> {
        let base = match &patch.parent {
            Some(parent) => parent.clone(),
            None => engine.void()?,
        };
        let mut sought = Sought { engine, base, patch: &patch.commit };
        sought.engine.heed(self.new_base)?;
        if sought.is_in(self.new_base)? {
            return match twin {
                Some(twin) => Ok(Origin::Same(twin.clone())),
                None => self.of_upstream(&mut sought),
            };
        }
        let steps = &self.steps[..self.steps.partition_point(|step| step.index < end)];
        let first = first(steps.len(), |step| {
            sought.engine.heed(&steps[step].attributes)?;
            sought.is_in(&steps[step].commit)
        })?;
        sought.engine.heed(self.new_base)?;
        let Some(step) = first.map(|first| &steps[first]) else { return Ok(Origin::Unknown) };
        let is_same = is_same(sought.engine, &patch.commit, &step.commit)?;
        Ok(Origin::Ours { index: step.index, is_same })
    }

    fn of_upstream(&self, sought: &mut Sought<'_>) -> Result<Origin> {
        let parts = self.repository.merge_bases(self.old_base, self.new_base)?;
        let [part] = parts.as_slice() else { return Ok(Origin::Unknown) };
        if sought.is_in(part)? {
            return Ok(Origin::Before);
        }
        let range = [self.new_base.as_str().to_owned(), format!("^{part}")];
        let line = main_line(self.repository, &range, &[])?;
        let found = match first(line.len(), |index| sought.is_in(&line[index]))? {
            Some(first) => commit(self.repository, &line[first])?,
            None => None,
        };
        Ok(found.map_or(Origin::Unknown, Origin::Upstream))
    }
}

/// A patch whose content is looked for.
struct Sought<'a> {
    engine: &'a mut Engine,
    /// The commit before it.
    base: ObjectId,
    patch: &'a ObjectId,
}

impl Sought<'_> {
    fn is_in(&mut self, commit: &ObjectId) -> Result<bool> {
        let tree = self.engine.tree_of(commit)?;
        Ok(self.engine.merge(&self.base, commit, self.patch)? == Merged::Clean(tree))
    }
}

/// The first of `length` commits in a row that contains a patch, by halving, if the last one does.
fn first(length: usize, mut is_in: impl FnMut(usize) -> Result<bool>) -> Result<Option<usize>> {
    let Some(mut there) = length.checked_sub(1) else { return Ok(None) };
    if !is_in(there)? {
        return Ok(None);
    }
    let mut begin = 0;
    while begin < there {
        let middle = usize::midpoint(begin, there);
        if is_in(middle)? {
            there = middle;
        } else {
            begin = middle + 1;
        }
    }
    Ok(Some(there))
}

/// Whether two commits make the same change.
fn is_same(engine: &Engine, one: &ObjectId, other: &ObjectId) -> Result<bool> {
    let call = |name, doing: &str| engine.call(name, doing);
    let ids = patch_ids(engine.git(), &call, [one, other], Likeness::Stable)?;
    Ok(ids.contains_key(one) && ids.get(one) == ids.get(other))
}
