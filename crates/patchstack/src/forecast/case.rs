//! A conflict as it comes out of a replay, with what of the stack is needed to explain it.

use crate::names::{GitPath, ObjectId};
use crate::replay::{Conflict, Picked, changes_attributes};
use crate::stack::{Change, Patch, Stack};

/// A conflict that is to be explained.
pub(super) struct Case {
    /// The patch, by its index in the stack.
    pub(super) index: usize,
    pub(super) conflict: Conflict,
    /// The files that conflict, and those that the patch changes.
    pub(super) paths: Vec<GitPath>,
    /// The patches before it that were taken and touch one of the paths: enough to replay the conflict elsewhere.
    pub(super) before: Vec<Patch>,
    /// The patches before it that conflict themselves and touch one of the paths; all of those that conflict where none does
    /// by name.
    pub(super) left_out: Vec<ObjectId>,
    /// Whether no patch before it touches one of the paths, or the attributes (`.gitattributes`) that files are merged by.
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
        let stands_alone = !before().any(|(patch, _)| touches(patch, &paths) || changes_attributes(patch));
        Some(Self { index, conflict: conflict.clone(), paths, before: taken, left_out, stands_alone })
    }

    /// Whether no merge is needed to know that the patch applies to the old base: it only changes the content of files, and
    /// these are the same there as before the patch.
    pub(super) fn is_clean_on_the_old_base(&self, stack: &Stack) -> bool {
        self.stands_alone && stack.is_linear() && stack.patches[self.index].changes.iter().all(changes_content)
    }

    /// Whether no merge is needed to know that the patch conflicts where upstream has done all that it does to the paths: a
    /// file conflicts that all three sides have, and it is the same there as where the conflict is.
    pub(super) fn conflicts_on_all_of_upstream(&self, patch: &Patch) -> bool {
        let mut changes = patch.changes.iter().filter(|change| changes_content(change));
        self.stands_alone && changes.any(|change| self.conflict.has_all_sides(&change.path))
    }
}

/// Whether a file is a regular one before and after a change.
pub(super) fn changes_content(change: &Change) -> bool {
    change.kind == 'M' && is_regular(change.before.0) && is_regular(change.after.0)
}

/// The files that need a person.
pub(super) fn files(conflict: &Conflict) -> Vec<GitPath> {
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

/// Whether this is the mode of a regular file.
pub(super) const fn is_regular(mode: u32) -> bool {
    matches!(mode, 0o100_644 | 0o100_755)
}

fn touches(patch: &Patch, paths: &[GitPath]) -> bool {
    patch.changes.iter().any(|change| paths.contains(&change.path))
}
