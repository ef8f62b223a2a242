//! A conflict, replayed elsewhere in memory: does the patch conflict where another commit is the base?

use super::case::{changes_content, is_regular};
use super::history::History;
use crate::error::Result;
use crate::names::{GitPath, ObjectId};
use crate::replay::{AtConflict, Conflict, Decisions, Engine, Merged, Renames, replay};
use crate::stack::{Change, Patch};

/// A patch that conflicts, with the patches that it comes after.
pub(super) struct Scene<'a> {
    patch: &'a Patch,
    before: &'a [Patch],
    conflict: &'a Conflict,
    renames: Renames,
    /// The folders that new files are in. While upstream has them, it has not renamed them.
    folders: Vec<GitPath>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(patch: &'a Patch, before: &'a [Patch], conflict: &'a Conflict) -> Self {
        Self { patch, before, conflict, renames: Renames::Followed, folders: Vec::new() }
    }

    /// Finds out whether renames make a difference on upstream's main line. To follow them takes most of the time of a
    /// merge, and they make none if all files that the patches change are where they are on all of the line, the patches
    /// remove nothing, and the folders of new files are there.
    pub(super) fn look_for_renames(&mut self, engine: &mut Engine, upstream: &History) -> Result<()> {
        if !self
            .before
            .iter()
            .all(|patch| patch.changes.iter().all(|change| changes_content(change) && upstream.is_steady(&change.path)))
            || !self.patch.changes.iter().all(|change| self.stays(change, upstream))
        {
            return Ok(());
        }
        for change in self.patch.changes.iter().filter(|change| change.kind == 'A') {
            self.folders.extend(self.folder(engine, &change.path)?);
        }
        self.folders.sort();
        self.folders.dedup();
        self.renames = Renames::PassedOver;
        Ok(())
    }

    /// Whether what the patch does to a file is merged by itself, whatever upstream has done to others.
    fn stays(&self, change: &Change, upstream: &History) -> bool {
        let conflicts = self.conflict.stages.iter().any(|stage| stage.path == change.path);
        match change.kind {
            'M' => {
                changes_content(change)
                    && upstream.is_steady(&change.path)
                    && (!conflicts || self.conflict.has_all_sides(&change.path))
            }
            'A' => is_regular(change.after.0) && upstream.leaves_alone(&change.path) && !conflicts,
            _ => false,
        }
    }

    /// The innermost folder around a new file that was there before the patch; none if that is the top one.
    fn folder(&self, engine: &mut Engine, path: &GitPath) -> Result<Option<GitPath>> {
        let Some(parent) = &self.patch.parent else { return Ok(None) };
        let mut path = path.as_bytes();
        while let Some(end) = path.iter().rposition(|byte| *byte == b'/') {
            path = &path[..end];
            let folder = GitPath::new(path);
            if engine.id_at(parent, &folder)?.is_some() {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }

    /// Whether the patch conflicts where `commit`, which is on upstream's main line or where that begins, is the base.
    pub(super) fn conflicts_on(&self, engine: &mut Engine, commit: &ObjectId) -> Result<bool> {
        let mut renames = self.renames;
        for folder in &self.folders {
            if engine.id_at(commit, folder)?.is_none() {
                renames = Renames::Followed;
            }
        }
        engine.follow(renames);
        let conflicts = self.conflicts_off_the_line(engine, commit);
        engine.follow(Renames::Followed);
        conflicts
    }

    /// Whether the patch conflicts where `commit` is the base.
    pub(super) fn conflicts_off_the_line(&self, engine: &mut Engine, commit: &ObjectId) -> Result<bool> {
        let there = replay(engine, self.before, commit, &Decisions::default(), AtConflict::Skip, &mut |_| {})?;
        let base = match &self.patch.parent {
            Some(parent) if *parent == there.head => return Ok(false),
            Some(parent) => parent.clone(),
            None => engine.void()?,
        };
        Ok(matches!(engine.merge(&base, &there.head, &self.patch.commit)?, Merged::Conflict(_)))
    }

    /// The index in upstream's `line` where the conflict begins, by halving: before it the patch applies, with it it
    /// conflicts. None when it conflicts on no commit of the line. `on_last` says that it is known to conflict on the last.
    pub(super) fn first_conflict(
        &self,
        engine: &mut Engine,
        line: &[ObjectId],
        on_last: bool,
    ) -> Result<Option<usize>> {
        let Some(last) = line.last() else { return Ok(None) };
        if !on_last && !self.conflicts_on(engine, last)? {
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
