//! The replay: one patch after the other.

use super::{AtConflict, Decisions, Engine, Merged, Picked, Replayed};
use crate::error::Result;
use crate::names::ObjectId;
use crate::stack::Patch;

/// Replays `patches` on `onto`, following `decisions`. `progress` hears how many patches are done.
///
/// # Errors
/// When git fails.
pub fn replay(
    engine: &mut Engine,
    patches: &[Patch],
    onto: &ObjectId,
    decisions: &Decisions,
    at_conflict: AtConflict,
    progress: &mut dyn FnMut(usize),
) -> Result<Replayed> {
    replay_hearing(engine, patches, onto, decisions, at_conflict, &mut |picks| progress(picks.len()))
}

/// The same, where `hear` gets what became of the patches so far, after each of them.
pub(crate) fn replay_hearing(
    engine: &mut Engine,
    patches: &[Patch],
    onto: &ObjectId,
    decisions: &Decisions,
    at_conflict: AtConflict,
    hear: &mut dyn FnMut(&[Picked]),
) -> Result<Replayed> {
    let mut replayed = Replayed { head: onto.clone(), tree: engine.tree_of(onto)?, picks: Vec::new() };
    let mut attributes = None;
    for patch in patches {
        let before = replayed.head.clone();
        let picked = pick(engine, patch, &replayed.head, &replayed.tree, decisions)?;
        match &picked {
            Picked::AsItWas => (replayed.head, replayed.tree) = (patch.commit.clone(), patch.tree.clone()),
            Picked::Merged { commit, tree } | Picked::Resolved { commit, tree } => {
                (replayed.head, replayed.tree) = (commit.clone(), tree.clone());
            }
            Picked::Empty | Picked::Skipped | Picked::Conflict(_) => {}
        }
        if replayed.head != before && changes_attributes(patch) {
            // The patches after it are merged by its attributes, as they would be in a work tree.
            let were = engine.heed(&replayed.head)?;
            attributes.get_or_insert(were);
        }
        let stops = at_conflict == AtConflict::Stop && matches!(picked, Picked::Conflict(_));
        replayed.picks.push(picked);
        if stops {
            break;
        }
        hear(&replayed.picks);
    }
    if let Some(attributes) = attributes {
        engine.heed(&attributes)?;
    }
    Ok(replayed)
}

/// Whether the patches after this one are merged by other attributes (`.gitattributes`).
pub(crate) fn changes_attributes(patch: &Patch) -> bool {
    patch
        .changes
        .iter()
        .any(|change| change.path.as_bytes().rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes"))
}

/// What becomes of `patch` on `head`, whose tree is `tree`. As `git rebase` has it: what becomes empty is left out,
/// what was empty from the start is kept, and a patch on the very commit that it was made on stays as it is.
fn pick(engine: &mut Engine, patch: &Patch, head: &ObjectId, tree: &ObjectId, decisions: &Decisions) -> Result<Picked> {
    if decisions.skipped.contains(&patch.commit) {
        return Ok(Picked::Skipped);
    }
    if patch.parent.as_ref() == Some(head) {
        return Ok(Picked::AsItWas);
    }
    let base = match &patch.parent {
        Some(parent) => parent.clone(),
        None => engine.void()?,
    };
    let conflict = match engine.merge(&base, head, &patch.commit)? {
        Merged::Clean(merged) if merged == *tree && !patch.changes.is_empty() => return Ok(Picked::Empty),
        Merged::Clean(merged) => {
            let commit = engine.commit(&patch.commit, &merged, head, None)?;
            return Ok(Picked::Merged { commit, tree: merged });
        }
        Merged::Conflict(conflict) => conflict,
    };
    match decisions.resolved.get(&patch.commit) {
        Some(resolution) if resolution.on == *head => {
            let commit = engine.commit(&patch.commit, &resolution.tree, head, Some(resolution))?;
            Ok(Picked::Resolved { commit, tree: resolution.tree.clone() })
        }
        _ => Ok(Picked::Conflict(conflict)),
    }
}
