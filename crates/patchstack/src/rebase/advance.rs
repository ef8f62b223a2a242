//! Replays from the start with the decisions so far, keeps the resulting head, and shows the next conflict.

use super::folder;
use super::state::State;
use super::{Skipped, Standing, Stop};
use crate::error::Result;
use crate::left_behind::left_behind;
use crate::names::{GitPath, ObjectId};
use crate::replay::{AtConflict, Conflict, Engine, Picked, Replayed, replay};
use crate::repository::Repository;
use crate::stack::{Patch, Stack};

/// A rebase as far as it gets with the decisions so far.
pub(super) struct Worked {
    pub(super) stack: Stack,
    pub(super) replayed: Replayed,
    engine: Engine,
}

impl Worked {
    /// The patch that a person is needed for.
    pub(super) fn stop(&self) -> Option<(&Patch, &Conflict)> {
        match self.replayed.picks.last() {
            Some(Picked::Conflict(conflict)) => Some((&self.stack.patches[self.replayed.picks.len() - 1], conflict)),
            _ => None,
        }
    }

    /// How many patches are done.
    pub(super) fn done(&self) -> usize {
        self.replayed.picks.len() - usize::from(self.stop().is_some())
    }
}

/// The state of the rebase of a branch, if one is under way. Changes nothing.
///
/// # Errors
/// When its record is damaged, or git fails.
pub fn standing(repository: &Repository, branch: &str) -> Result<Option<Standing>> {
    let Some(state) = State::load(repository, branch)? else { return Ok(None) };
    let worked = worked_out(repository, &state, &mut |_, _| {})?;
    let offered = match worked.stop() {
        Some((patch, conflict)) => folder::offered(repository, &state, &patch.commit, &conflict.on)?,
        None => Vec::new(),
    };
    told(repository, &state, &worked, offered).map(Some)
}

/// Replays with the decisions so far. Changes nothing.
pub(super) fn worked_out(
    repository: &Repository,
    state: &State,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Worked> {
    let stack = state.stack(repository)?;
    let mut engine = Engine::open(repository, &state.onto)?;
    let total = stack.patches.len();
    let mut count = |done| progress(done, total);
    let decisions = state.decisions();
    let replayed = replay(&mut engine, &stack.patches, &state.onto, &decisions, AtConflict::Stop, &mut count)?;
    Ok(Worked { stack, replayed, engine })
}

/// Replays with the decisions so far, keeps the head under the work ref, and shows the next conflict.
pub(super) fn advance(
    repository: &Repository,
    state: &State,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Standing> {
    let worked = worked_out(repository, state, progress)?;
    // First the objects: the folder is made from them.
    worked.engine.keep(&worked.replayed.head, &State::work_ref(&state.target)?)?;
    let offered = match worked.stop() {
        Some((patch, conflict)) => {
            folder::show(repository, state, &patch.commit, &conflict.on)?;
            folder::offered(repository, state, &patch.commit, &conflict.on)?
        }
        None => {
            folder::clear(repository, state)?;
            Vec::new()
        }
    };
    told(repository, state, &worked, offered)
}

fn told(repository: &Repository, state: &State, worked: &Worked, offered: Vec<GitPath>) -> Result<Standing> {
    let patches = &worked.stack.patches;
    let of_kind = |wanted: fn(&Picked) -> bool| -> Vec<ObjectId> {
        let picks = patches.iter().zip(&worked.replayed.picks);
        picks.filter(|(_, picked)| wanted(picked)).map(|(patch, _)| patch.commit.clone()).collect()
    };
    let skipped = patches.iter().filter_map(|patch| {
        let skip = state.skips.iter().find(|skip| skip.patch == patch.commit)?;
        Some(Skipped { commit: skip.patch.clone(), subject: patch.subject.clone(), because: skip.because.clone() })
    });
    let is_left_out = |commit: &ObjectId| state.skips.iter().any(|skip| skip.patch == *commit);
    let withdrawn = state.withdrawn.iter().filter(|withdrawn| !is_left_out(&withdrawn.commit));
    Ok(Standing {
        branch: state.target.clone(),
        old: state.old.clone(),
        base: state.base.clone(),
        onto: state.onto.clone(),
        onto_name: state.onto_name.clone(),
        left_behind: left_behind(repository, &state.base, &state.onto)?,
        withdrawn: withdrawn.cloned().collect(),
        total: patches.len(),
        done: worked.done(),
        skipped: skipped.collect(),
        resolved: of_kind(|picked| matches!(picked, Picked::Resolved { .. })),
        empty: of_kind(|picked| matches!(picked, Picked::Empty)),
        head: worked.replayed.head.clone(),
        work_ref: State::work_ref(&state.target)?.as_str().to_owned(),
        stop: worked.stop().map(|(patch, conflict)| stop(state, patch, conflict, offered)),
    })
}

fn stop(state: &State, patch: &Patch, conflict: &Conflict, offered: Vec<GitPath>) -> Stop {
    let messages = conflict.messages.iter().filter(|message| message.kind.starts_with("CONFLICT"));
    Stop {
        commit: patch.commit.clone(),
        subject: patch.subject.clone(),
        folder: state.folder.display().to_string(),
        files: conflict.paths(),
        offered,
        messages: messages.map(|message| message.text.clone()).collect(),
    }
}
