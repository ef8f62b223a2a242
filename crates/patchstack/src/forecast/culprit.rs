//! Finds the cause of a conflict by replays in memory: one of upstream's commits, or a patch that was left out.

use crate::error::Result;
use crate::names::{GitPath, ObjectId};
use crate::replay::{AtConflict, Decisions, Engine, Merged, Picked, Replayed, replay};
use crate::repository::Repository;
use crate::stack::{Patch, Stack};
use crate::upstream::main_line;

/// The cause of a conflict.
pub(super) enum Culprit {
    /// This commit of upstream's main line causes the conflict.
    Upstream(ObjectId),
    /// It conflicts on the old base too: the patch needs these, which conflict themselves and were left out.
    LeftOut(Vec<ObjectId>),
    /// It conflicts on the merge base of the old and the new base: the patch needs what only the old base has.
    LeftBehind,
    /// The cause is unknown.
    Unknown,
}

/// A stack and the outcome of its replay, whose conflicts are explained.
pub(super) struct Inquiry<'a> {
    pub(super) repository: &'a Repository,
    pub(super) stack: &'a Stack,
    pub(super) onto: &'a ObjectId,
    pub(super) replayed: &'a Replayed,
    /// The merge base of the old and the new base, if there is exactly one.
    part: Option<ObjectId>,
}

impl<'a> Inquiry<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        stack: &'a Stack,
        onto: &'a ObjectId,
        replayed: &'a Replayed,
    ) -> Result<Self> {
        let mut parts = match replayed.picks.iter().any(|pick| matches!(pick, Picked::Conflict(_))) {
            true => repository.merge_bases(&stack.base.commit, onto)?,
            false => Vec::new(),
        };
        let part = if parts.len() == 1 { parts.pop() } else { None };
        Ok(Self { repository, stack, onto, replayed, part })
    }

    /// The cause of the conflict of the patch at `index` in `paths`.
    pub(super) fn culprit(&self, engine: &mut Engine, index: usize, paths: &[GitPath]) -> Result<Culprit> {
        let Some(part) = &self.part else { return Ok(Culprit::Unknown) };
        let base = &self.stack.base.commit;
        let scene = Scene { patch: &self.stack.patches[index], before: self.before(index, paths) };
        if scene.conflicts_on(engine, part)? {
            let left_out = self.left_out(index, paths);
            return match part == base {
                true if left_out.is_empty() => Ok(Culprit::Unknown),
                false if left_out.is_empty() || !scene.conflicts_on(engine, base)? => Ok(Culprit::LeftBehind),
                _ => Ok(Culprit::LeftOut(left_out)),
            };
        }
        let range = [self.onto.as_str().to_owned(), format!("^{part}")];
        let line = main_line(self.repository, &range, paths)?;
        let first = scene.first_conflict(engine, &line)?;
        Ok(first.map_or(Culprit::Unknown, |index| Culprit::Upstream(line[index].clone())))
    }

    /// The patches before `index` that were taken and touch one of `paths`: enough to replay the conflict elsewhere.
    fn before(&self, index: usize, paths: &[GitPath]) -> Vec<Patch> {
        let taken = self.stack.patches.iter().zip(&self.replayed.picks).take(index);
        let taken = taken.filter(|(_, pick)| !matches!(pick, Picked::Conflict(_) | Picked::Skipped));
        taken.filter(|(patch, _)| touches(patch, paths)).map(|(patch, _)| patch.clone()).collect()
    }

    /// The patches before `index` that conflict themselves and touch one of `paths`; all of those that conflict where
    /// none does by name.
    fn left_out(&self, index: usize, paths: &[GitPath]) -> Vec<ObjectId> {
        let conflicting = self.stack.patches.iter().zip(&self.replayed.picks).take(index);
        let conflicting = conflicting.filter(|(_, pick)| matches!(pick, Picked::Conflict(_))).map(|(patch, _)| patch);
        let (touching, others): (Vec<&Patch>, Vec<&Patch>) = conflicting.partition(|patch| touches(patch, paths));
        let found = if touching.is_empty() { others } else { touching };
        found.into_iter().map(|patch| patch.commit.clone()).collect()
    }
}

fn touches(patch: &Patch, paths: &[GitPath]) -> bool {
    patch.changes.iter().any(|change| paths.contains(&change.path))
}

/// A patch that conflicts, with the patches that it comes after.
struct Scene<'a> {
    patch: &'a Patch,
    before: Vec<Patch>,
}

impl Scene<'_> {
    /// Whether the patch conflicts where `commit` is the base.
    fn conflicts_on(&self, engine: &mut Engine, commit: &ObjectId) -> Result<bool> {
        let there = replay(engine, &self.before, commit, &Decisions::default(), AtConflict::Skip, &mut |_| {})?;
        let base = match &self.patch.parent {
            Some(parent) if *parent == there.head => return Ok(false),
            Some(parent) => parent.clone(),
            None => engine.void()?,
        };
        Ok(matches!(engine.merge(&base, &there.head, &self.patch.commit)?, Merged::Conflict(_)))
    }

    /// The index in upstream's `line` where the conflict begins, by halving: before it the patch applies, with it it
    /// conflicts. None when it conflicts on no commit of the line.
    fn first_conflict(&self, engine: &mut Engine, line: &[ObjectId]) -> Result<Option<usize>> {
        let Some(last) = line.last() else { return Ok(None) };
        if !self.conflicts_on(engine, last)? {
            return Ok(None);
        }
        let (mut clean, mut conflicting) = (0, line.len() - 1);
        while clean < conflicting {
            let middle = usize::midpoint(clean, conflicting);
            if self.conflicts_on(engine, &line[middle])? {
                conflicting = middle;
            } else {
                clean = middle + 1;
            }
        }
        Ok(Some(conflicting))
    }
}
