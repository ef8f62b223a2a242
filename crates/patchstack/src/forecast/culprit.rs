//! Finds the cause of a conflict by replays in memory: one of upstream's commits, or a patch that was left out.

use std::sync::Arc;

use super::conflicts::files;
use super::history::History;
use super::once::Once;
use super::scene::Scene;
use crate::error::Result;
use crate::names::{GitPath, ObjectId};
use crate::replay::{Conflict, Engine, Picked};
use crate::repository::Repository;
use crate::stack::{Change, Patch, Stack};
use crate::upstream::UpstreamCommit;

/// The cause of a conflict.
pub(super) enum Culprit {
    /// This commit of upstream's main line causes the conflict.
    Upstream(UpstreamCommit),
    /// It conflicts on the old base too: the patch needs others, which conflict themselves and were left out.
    LeftOut,
    /// It conflicts on the merge base of the old and the new base: the patch needs what only the old base has.
    LeftBehind,
    /// The cause is unknown.
    Unknown,
}

/// A conflict that is to be explained.
pub(super) struct Case {
    /// The patch, by its index in the stack.
    pub(super) index: usize,
    pub(super) conflict: Conflict,
    /// The files that conflict, and those that the patch changes.
    paths: Vec<GitPath>,
    /// The patches before it that were taken and touch one of the paths: enough to replay the conflict elsewhere.
    before: Vec<Patch>,
    /// The patches before it that conflict themselves and touch one of the paths; all of those that conflict where none does
    /// by name.
    pub(super) left_out: Vec<ObjectId>,
    /// Whether no patch before it touches one of the paths.
    stands_alone: bool,
}

impl Case {
    /// The conflict of the last of the patches of which it is known what became of them, if it conflicts.
    pub(super) fn of_last(stack: &Stack, picks: &[Picked]) -> Option<Self> {
        let (last, before) = picks.split_last()?;
        let Picked::Conflict(conflict) = last else { return None };
        let index = before.len();
        let mut paths = files(conflict);
        paths.extend(stack.patches[index].changes.iter().map(|change| change.path.clone()));
        let before = || stack.patches.iter().zip(before);
        let taken = before().filter(|(_, pick)| !matches!(pick, Picked::Conflict(_) | Picked::Skipped));
        let taken = taken.filter(|(patch, _)| touches(patch, &paths)).map(|(patch, _)| patch.clone()).collect();
        let conflicting = before().filter(|(_, pick)| matches!(pick, Picked::Conflict(_))).map(|(patch, _)| patch);
        let (touching, others): (Vec<&Patch>, Vec<&Patch>) = conflicting.partition(|patch| touches(patch, &paths));
        let left_out = if touching.is_empty() { others } else { touching };
        let left_out = left_out.into_iter().map(|patch| patch.commit.clone()).collect();
        let stands_alone = !before().any(|(patch, _)| touches(patch, &paths));
        Some(Self { index, conflict: conflict.clone(), paths, before: taken, left_out, stands_alone })
    }

    /// Whether no merge is needed to know that the patch applies to the old base: it only changes the content of files, and
    /// these are the same there as before the patch.
    fn is_clean_on_the_old_base(&self, stack: &Stack) -> bool {
        self.stands_alone && stack.is_linear() && stack.patches[self.index].changes.iter().all(changes_content)
    }

    /// Whether no merge is needed to know that the patch conflicts where upstream has done all that it does to the paths: a
    /// file conflicts that all three sides have, and it is the same there as where the conflict is.
    fn conflicts_on_all_of_upstream(&self, patch: &Patch) -> bool {
        let mut changes = patch.changes.iter().filter(|change| changes_content(change));
        self.stands_alone && changes.any(|change| self.conflict.has_all_sides(&change.path))
    }
}

/// Whether a file is a regular one before and after a change.
pub(super) fn changes_content(change: &Change) -> bool {
    change.kind == 'M' && is_regular(change.before.0) && is_regular(change.after.0)
}

/// A stack and where it goes, for questions about its conflicts from several threads.
pub(super) struct Inquiry<'a> {
    repository: &'a Repository,
    stack: &'a Stack,
    onto: &'a ObjectId,
    part: Once<Option<ObjectId>>,
    upstream: Once<History>,
    left_behind: Once<History>,
}

impl<'a> Inquiry<'a> {
    pub(super) fn new(repository: &'a Repository, stack: &'a Stack, onto: &'a ObjectId) -> Self {
        let (part, upstream, left_behind) = (Once::default(), Once::default(), Once::default());
        Self { repository, stack, onto, part, upstream, left_behind }
    }

    /// The commits that the new base has and the old one has not.
    pub(super) fn upstream(&self) -> Result<Arc<History>> {
        self.upstream.get(|| History::read(self.repository, self.onto, &self.stack.base.commit))
    }

    /// The commits that the old base has and the new one has not.
    pub(super) fn left_behind(&self) -> Result<Arc<History>> {
        self.left_behind.get(|| History::read(self.repository, &self.stack.base.commit, self.onto))
    }

    /// The merge base of the old and the new base, if there is exactly one.
    fn part(&self) -> Result<Arc<Option<ObjectId>>> {
        self.part.get(|| {
            let mut parts = self.repository.merge_bases(&self.stack.base.commit, self.onto)?;
            Ok(if parts.len() == 1 { parts.pop() } else { None })
        })
    }

    /// The cause of a conflict.
    pub(super) fn culprit(&self, engine: &mut Engine, case: &Case) -> Result<Culprit> {
        let Some(part) = &*self.part()? else { return Ok(Culprit::Unknown) };
        let base = &self.stack.base.commit;
        let upstream = self.upstream()?;
        let mut scene = Scene::new(&self.stack.patches[case.index], &case.before, &case.conflict);
        scene.look_for_renames(engine, &upstream)?;
        let is_clean_there = part == base && case.is_clean_on_the_old_base(self.stack);
        if !is_clean_there && scene.conflicts_on(engine, part)? {
            return match (part == base, case.left_out.is_empty()) {
                (true, true) => Ok(Culprit::Unknown),
                (false, true) => Ok(Culprit::LeftBehind),
                (false, false) if !scene.conflicts_off_the_line(engine, base)? => Ok(Culprit::LeftBehind),
                (_, false) => Ok(Culprit::LeftOut),
            };
        }
        let line = upstream.main_line(&case.paths);
        let conflicts_on_last = case.conflicts_on_all_of_upstream(&self.stack.patches[case.index]);
        let first =
            scene.first_conflict(engine, &line, conflicts_on_last)?.and_then(|index| upstream.commit(&line[index]));
        Ok(first.map_or(Culprit::Unknown, |found| Culprit::Upstream(found.clone())))
    }
}

/// Whether this is the mode of a regular file.
pub(super) const fn is_regular(mode: u32) -> bool {
    matches!(mode, 0o100_644 | 0o100_755)
}

fn touches(patch: &Patch, paths: &[GitPath]) -> bool {
    patch.changes.iter().any(|change| paths.contains(&change.path))
}
