//! Who is behind a conflict: one of upstream's commits, found by replays in memory, or a patch that was left out.

use super::upstream::{commit, main_line, touching};
use super::{UpstreamCommit, hunks};
use crate::error::Result;
use crate::names::{GitPath, ObjectId};
use crate::replay::{AtConflict, Conflict, Decisions, Engine, Merged, Picked, Replayed, replay};
use crate::repository::Repository;
use crate::stack::{Patch, Stack};

/// What is behind the conflict of one patch.
#[derive(Debug, Default)]
pub(super) struct Cause {
    /// Its conflicting files.
    pub(super) files: Vec<GitPath>,
    /// The conflicts inside them.
    pub(super) hunks: Vec<super::Hunk>,
    /// Upstream's commits that touched those files, the culprit first if there is one.
    pub(super) upstream: Vec<UpstreamCommit>,
    /// In words.
    pub(super) because: String,
}

/// The stack on its old base without the patches that conflict on the new one: what conflicts here too needs one of those.
pub(super) struct Shadow {
    head: ObjectId,
    tree: ObjectId,
    left_out: Vec<(ObjectId, Vec<GitPath>)>,
}

impl Shadow {
    pub(super) fn new(engine: &mut Engine, base: &ObjectId) -> Result<Self> {
        Ok(Self { head: base.clone(), tree: engine.tree_of(base)?, left_out: Vec::new() })
    }

    /// Takes a patch along that did not conflict.
    pub(super) fn take(&mut self, engine: &mut Engine, patch: &Patch) -> Result<()> {
        let one = std::slice::from_ref(patch);
        let after = replay(engine, one, &self.head, &Decisions::default(), AtConflict::Skip, &mut |_| {})?;
        (self.head, self.tree) = (after.head, after.tree);
        Ok(())
    }

    /// Leaves a patch out that conflicted, and says which of those left out before it needs.
    pub(super) fn leave_out(&mut self, engine: &mut Engine, patch: &Patch) -> Result<Vec<ObjectId>> {
        let needs = match conflict_on(engine, patch, &self.head)? {
            Some(conflict) if !self.left_out.is_empty() => self.behind(&conflict),
            _ => Vec::new(),
        };
        let paths = patch.changes.iter().map(|change| change.path.clone()).collect();
        self.left_out.push((patch.commit.clone(), paths));
        Ok(needs)
    }

    /// The patches left out that touch what conflicts; all of them where none does by name.
    fn behind(&self, conflict: &Conflict) -> Vec<ObjectId> {
        let files = conflict.paths();
        let touch = |paths: &[GitPath]| paths.iter().any(|path| files.contains(path));
        let some: Vec<ObjectId> =
            self.left_out.iter().filter(|(_, paths)| touch(paths)).map(|(commit, _)| commit.clone()).collect();
        if some.is_empty() { self.left_out.iter().map(|(commit, _)| commit.clone()).collect() } else { some }
    }
}

/// What is behind the conflict of the patch at `place`.
pub(super) fn cause(
    engine: &mut Engine,
    repository: &Repository,
    stack: &Stack,
    onto: &ObjectId,
    replayed: &Replayed,
    place: usize,
) -> Result<Cause> {
    let Picked::Conflict(conflict) = &replayed.picks[place] else { return Ok(Cause::default()) };
    let patch = &stack.patches[place];
    let files = files(conflict);
    let mut cause = Cause { files: files.clone(), hunks: read_hunks(engine, conflict)?, ..Cause::default() };
    let mut paths = files;
    paths.extend(patch.changes.iter().map(|change| change.path.clone()).filter(|path| !cause.files.contains(path)));
    let range = [onto.as_str().to_owned(), format!("^{}", stack.base.commit)];
    cause.upstream = touching(repository, &range, &cause.files)?;
    let before = before(stack, replayed, place, &paths);
    match culprit(engine, repository, stack, onto, patch, &before, &paths)? {
        Culprit::Upstream(id) => {
            cause.upstream.retain(|other| other.commit != id);
            if let Some(found) = commit(repository, &id)? {
                cause.because = format!("upstream's {} ({}) changed what it changes", id.short(), found.subject);
                cause.upstream.insert(0, UpstreamCommit { culprit: true, ..found });
            }
        }
        Culprit::LeftBehind => {
            let old = [stack.base.commit.as_str().to_owned(), format!("^{onto}")];
            cause.upstream = touching(repository, &old, &cause.files)?;
            cause.because = match cause.upstream.first() {
                Some(first) => format!(
                    "it stands on upstream's {} ({}), which the new base does not have",
                    first.commit.short(),
                    first.subject
                ),
                None => words(conflict),
            };
        }
        Culprit::Unknown => cause.because = words(conflict),
    }
    Ok(cause)
}

/// The files that a person has to look at.
fn files(conflict: &Conflict) -> Vec<GitPath> {
    let files = conflict.paths();
    if !files.is_empty() {
        return files;
    }
    let told = conflict.messages.iter().filter(|message| message.kind.starts_with("CONFLICT"));
    let mut files: Vec<GitPath> = told.flat_map(|message| message.paths.iter().cloned()).collect();
    files.sort();
    files.dedup();
    files
}

/// Git's own words on what conflicts.
fn words(conflict: &Conflict) -> String {
    let told = conflict.messages.iter().filter(|message| message.kind.starts_with("CONFLICT"));
    told.map(|message| message.text.as_str()).collect::<Vec<&str>>().join("; ")
}

fn read_hunks(engine: &mut Engine, conflict: &Conflict) -> Result<Vec<super::Hunk>> {
    let mut found = Vec::new();
    for path in conflict.paths() {
        if let Some(content) = engine.file(&conflict.tree, path.as_bytes())? {
            found.extend(hunks::read(&path, &content));
        }
    }
    Ok(found)
}

/// The patches before `place` that were taken and touch one of `paths`: enough to replay the conflict elsewhere.
fn before(stack: &Stack, replayed: &Replayed, place: usize, paths: &[GitPath]) -> Vec<Patch> {
    let taken = stack.patches.iter().zip(&replayed.picks).take(place);
    let taken = taken.filter(|(_, pick)| !matches!(pick, Picked::Conflict(_) | Picked::Skipped));
    let touching = taken.filter(|(patch, _)| patch.changes.iter().any(|change| paths.contains(&change.path)));
    touching.map(|(patch, _)| patch.clone()).collect()
}

enum Culprit {
    /// With this commit of upstream's main line the conflict begins.
    Upstream(ObjectId),
    /// It is there where the old base and the new one part: the patch needs what only the old one has.
    LeftBehind,
    /// It cannot be told.
    Unknown,
}

/// Halves upstream's main line until one commit is left: before it the patch applies, with it it conflicts.
fn culprit(
    engine: &mut Engine,
    repository: &Repository,
    stack: &Stack,
    onto: &ObjectId,
    patch: &Patch,
    before: &[Patch],
    paths: &[GitPath],
) -> Result<Culprit> {
    let parts = repository.merge_bases(&stack.base.commit, onto)?;
    let [part] = &parts[..] else { return Ok(Culprit::Unknown) };
    let conflicts_on = |engine: &mut Engine, commit: &ObjectId| -> Result<bool> {
        let there = replay(engine, before, commit, &Decisions::default(), AtConflict::Skip, &mut |_| {})?;
        Ok(conflict_on(engine, patch, &there.head)?.is_some())
    };
    if conflicts_on(engine, part)? {
        let moved_on = *part != stack.base.commit;
        return Ok(if moved_on { Culprit::LeftBehind } else { Culprit::Unknown });
    }
    let line = main_line(repository, &[onto.as_str().to_owned(), format!("^{part}")], paths)?;
    if line.is_empty() || !conflicts_on(engine, &line[line.len() - 1])? {
        return Ok(Culprit::Unknown);
    }
    let (mut clean, mut conflicting) = (0, line.len() - 1);
    while clean < conflicting {
        let middle = usize::midpoint(clean, conflicting);
        if conflicts_on(engine, &line[middle])? {
            conflicting = middle;
        } else {
            clean = middle + 1;
        }
    }
    Ok(Culprit::Upstream(line[conflicting].clone()))
}

/// The conflict of a patch on a commit, if there is one.
fn conflict_on(engine: &mut Engine, patch: &Patch, head: &ObjectId) -> Result<Option<Conflict>> {
    let base = match &patch.parent {
        Some(parent) if parent == head => return Ok(None),
        Some(parent) => parent.clone(),
        None => engine.void()?,
    };
    match engine.merge(&base, head, &patch.commit)? {
        Merged::Clean(_) => Ok(None),
        Merged::Conflict(conflict) => Ok(Some(conflict)),
    }
}
