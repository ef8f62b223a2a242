//! `branch rebase --skip PATCH --because "..."`: leaves a patch out, and records who says so and why. `--unskip PATCH` takes that
//! back, or how its conflict was resolved.

use super::Standing;
use super::advance::{advance, worked_out};
use super::begin::name_of;
use super::proceed::refuse_if_moved;
use super::refusals;
use super::state::{Skip, State, committer, hold};
use super::{folder, snapshot};
use crate::error::{Error, Result};
use crate::repository::Repository;

/// What is done about new files in the folder of a patch that is left out.
const MOVE_AWAY_THEN_SKIP: &str = "nothing was changed; remove them or move them away, then --skip";

/// Leaves out `patch`, and continues; if it was replayed already, from there. Resolutions of later patches are offered again where
/// they do not fit any more, since they were made with it. Given again, it replaces the reason.
///
/// # Errors
/// When no rebase is under way, `patch` is none of its patches, no reason is given, somebody has begun to resolve a conflict after
/// it, or git fails.
pub fn skip(
    repository: &Repository,
    branch: &str,
    patch: &str,
    because: &str,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Standing> {
    let _hold = hold(repository, branch)?;
    let mut state = State::expect(repository, branch)?;
    refuse_if_moved(repository, &state)?;
    let worked = worked_out(repository, &state, &mut |_, _| {})?;
    let patch = worked.stack.find(patch)?;
    refusals::skip(&worked.stack, &patch, because)?;
    let is_replayed = worked.stack.patches.iter().take(worked.done()).any(|other| other.commit == patch);
    let earlier = state.skips.iter().position(|skip| skip.patch == patch);
    if let Some((folder, _)) = folder::ready(repository, &state)?.filter(|(_, shown)| shown.patch == patch) {
        folder::refuse_repositories(&folder, "nothing was changed")?;
        folder::refuse_new(repository.git(), &folder, MOVE_AWAY_THEN_SKIP)?;
    }
    if is_replayed && earlier.is_none() {
        refuse_begun(repository, &state, &format!("leave {} out", patch.short()))?;
    }
    if earlier.is_none_or(|index| state.skips[index].because != because) {
        let by = name_of(&committer(repository)?).to_owned();
        let skip = Skip { patch, because: because.to_owned(), by };
        match earlier {
            Some(index) => state.skips[index] = skip,
            None => {
                state.skips.push(skip);
                // If this process is killed, the head so far is no result.
                state.result = None;
            }
        }
        state.save(repository)?;
    }
    advance(repository, &state, progress)
}

/// Takes back that `patch` is left out, or else how its conflict was resolved, and replays from there. A resolution that is taken back,
/// and those of later patches that do not fit any more, are offered again for review. If nothing is decided of it, as after a command
/// that was killed, it only continues.
///
/// # Errors
/// When no rebase is under way, `patch` is none of its patches, the folder shows a conflict that is not decided, or git fails.
pub fn unskip(
    repository: &Repository,
    branch: &str,
    patch: &str,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Standing> {
    let _hold = hold(repository, branch)?;
    let mut state = State::expect(repository, branch)?;
    refuse_if_moved(repository, &state)?;
    let patch = state.stack(repository)?.find(patch)?;
    let is_skipped = state.skips.iter().any(|skip| skip.patch == patch);
    if is_skipped || state.resolutions.iter().any(|resolved| resolved.patch == patch) {
        refuse_begun(repository, &state, &format!("take {} in again", patch.short()))?;
        if is_skipped {
            state.skips.retain(|skip| skip.patch != patch);
        } else {
            state.resolutions.retain(|resolved| resolved.patch != patch);
        }
        // If this process is killed, the head so far is no result.
        state.result = None;
        state.save(repository)?;
    }
    advance(repository, &state, progress)
}

/// Refuses if somebody has begun to resolve the conflict that the folder shows.
fn refuse_begun(repository: &Repository, state: &State, then: &str) -> Result<()> {
    let ready = folder::ready(repository, state)?;
    let undecided = ready.filter(|(_, shown)| !state.has_decided(&shown.patch, &shown.on));
    let Some((folder, shown)) = undecided else { return Ok(()) };
    let Some(done) = snapshot::done_since(repository.git(), &folder)? else {
        return folder::refuse_repositories(&folder, "nothing was changed");
    };
    Err(Error::refused(
        format!("somebody has begun to resolve {} in {}: {done}", shown.patch.short(), folder.path.display()),
        format!("nothing was changed; finish it first, with --continue, or leave it with --skip; then {then}"),
    ))
}
