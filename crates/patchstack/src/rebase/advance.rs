//! Replays from the start with the decisions so far, keeps the resulting head, and shows the next conflict.

use super::folder::{self, Seen};
use super::state::{State, hold};
use super::{Skipped, Standing, Stop, Submodule};
use super::{exec, notes};
use crate::error::Result;
use crate::left_behind::left_behind;
use crate::names::{GitPath, ObjectId};
use crate::replay::{AtConflict, Conflict, Engine, Picked, Replayed, Stage, replay};
use crate::repository::Repository;
use crate::stack::{Patch, Stack};

/// The mode of a submodule in an index.
const SUBMODULE: u32 = 0o160_000;

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

    /// Each patch that is there with the commit that it became.
    fn pairs(&self) -> Vec<(ObjectId, ObjectId)> {
        let picks = self.stack.patches.iter().zip(&self.replayed.picks);
        picks.filter_map(|(patch, pick)| Some((patch.commit.clone(), pick.commit(patch)?.clone()))).collect()
    }

    /// How many patches are done.
    pub(super) fn done(&self) -> usize {
        self.replayed.picks.len() - usize::from(self.stop().is_some())
    }
}

/// The state of the rebase of a branch, if one is under way. Changes nothing of the repository.
///
/// # Errors
/// When its record is damaged, or git fails.
pub fn standing(repository: &Repository, branch: &str) -> Result<Option<Standing>> {
    let Some(mut state) = State::load(repository, branch)? else { return Ok(None) };
    let worked = worked_out(repository, &state, &mut |_, _| {})?;
    if worked.stop().is_none() && state.result.is_none() {
        // A record of an earlier version does not have it. Whoever works on the rebase keeps it otherwise.
        state.result = Some(worked.replayed.head.clone());
        if let Ok(_hold) = hold(repository, branch) {
            state.save(repository)?;
        }
    }
    let is_held = state.exec.as_ref().is_some_and(|ran| ran.running) && hold(repository, branch).is_err();
    let seen = match worked.stop() {
        Some((patch, conflict)) => folder::seen(repository, &state, &patch.commit, &conflict.on)?,
        None => None,
    };
    told(repository, &state, &worked, seen, is_held).map(Some)
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
    let result = worked.stop().is_none().then(|| worked.replayed.head.clone());
    if result.is_some() && result != state.result {
        notes::carry(repository, &worked.pairs())?;
    }
    let state = &State { result, ..state.clone() };
    state.save(repository)?;
    let seen = match worked.stop() {
        Some((patch, conflict)) => {
            folder::show(repository, state, &patch.commit, &conflict.on)?;
            folder::seen(repository, state, &patch.commit, &conflict.on)?
        }
        None => {
            folder::clear(repository, state)?;
            None
        }
    };
    told(repository, state, &worked, seen, false)
}

/// The state for people. `is_held` says whether another process has the rebase locked.
fn told(
    repository: &Repository,
    state: &State,
    worked: &Worked,
    seen: Option<Seen>,
    is_held: bool,
) -> Result<Standing> {
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
        leaves: state.leaves.clone(),
        withdrawn: withdrawn.cloned().collect(),
        exec: exec::told(state, is_held),
        total: patches.len(),
        done: worked.done(),
        skipped: skipped.collect(),
        resolved: of_kind(|picked| matches!(picked, Picked::Resolved { .. })),
        empty: of_kind(|picked| matches!(picked, Picked::Empty)),
        head: worked.replayed.head.clone(),
        work_ref: State::work_ref(&state.target)?.as_str().to_owned(),
        stop: worked.stop().map(|(patch, conflict)| stop(state, patch, conflict, seen)),
    })
}

/// A stop, with the names that files have in the folder: git gives a file another name where a folder is in its way.
fn stop(state: &State, patch: &Patch, conflict: &Conflict, seen: Option<Seen>) -> Stop {
    let seen = seen.unwrap_or_else(|| {
        let messages = conflict.messages.iter().filter(|message| message.kind.starts_with("CONFLICT"));
        Seen {
            stages: conflict.stages.clone(),
            offered: Vec::new(),
            given_up: false,
            said: messages.map(|message| message.text.clone()).collect(),
        }
    });
    let mut files: Vec<GitPath> = seen.stages.iter().map(|stage| stage.path.clone()).collect();
    files.sort();
    files.dedup();
    Stop {
        commit: patch.commit.clone(),
        subject: patch.subject.clone(),
        folder: state.folder.display().to_string(),
        submodules: files.iter().filter_map(|path| submodule(path, &seen.stages)).collect(),
        files,
        offered: seen.offered,
        given_up: seen.given_up,
        messages: seen.said,
    }
}

/// The commits that the sides want of a submodule; none if the path is none on either side.
fn submodule(path: &GitPath, stages: &[Stage]) -> Option<Submodule> {
    let on = |side: u8| {
        let mut stages = stages.iter().filter(|stage| stage.path == *path && stage.mode == SUBMODULE);
        stages.find(|stage| stage.side == side).map(|stage| stage.blob.clone())
    };
    let (there, patch) = (on(2), on(3));
    let is_one = there.is_some() || patch.is_some();
    is_one.then(|| Submodule { path: path.clone(), there, patch })
}
