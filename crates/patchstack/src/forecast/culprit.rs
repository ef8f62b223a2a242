//! Finds the cause of a conflict by replays in memory: one of upstream's commits, or a patch that was left out.

use std::sync::Arc;

use super::case::Case;
use super::history::History;
use super::once::Once;
use super::scene::Scene;
use crate::error::Result;
use crate::names::ObjectId;
use crate::replay::Engine;
use crate::repository::Repository;
use crate::stack::Stack;
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
