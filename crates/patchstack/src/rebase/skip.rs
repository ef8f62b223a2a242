//! `branch rebase --skip PATCH --because "..."`: leaves a patch out, and records who says so and why. `--unskip PATCH` takes that
//! back.

use super::Standing;
use super::advance::{advance, worked_out};
use super::begin::name_of;
use super::folder;
use super::proceed::refuse_if_moved;
use super::refusals;
use super::state::{Skip, State, committer, hold};
use super::work_tree::Folder;
use crate::error::{Error, Result};
use crate::repository::Repository;

/// Leaves out `patch`, and continues; if it was replayed already, from there. Resolutions of later patches are offered again where
/// they do not fit any more, since they were made with it.
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
    let by = name_of(&committer(repository)?).to_owned();
    if let Some(already) = state.skips.iter_mut().find(|skip| skip.patch == patch) {
        if already.because != because {
            *already = Skip { patch, because: because.to_owned(), by };
            state.save(repository)?;
        }
    } else {
        let is_replayed = worked.stack.patches.iter().take(worked.done()).any(|other| other.commit == patch);
        let leave_out = format!("leave {} out", patch.short());
        let later = if is_replayed { refuse_begun(repository, &state, &leave_out)? } else { None };
        // First the folder, which shows nothing of anybody's: a killed process leaves the rebase as it was.
        later.map_or(Ok(()), |folder| folder::withdraw(repository, &folder))?;
        state.skips.push(Skip { patch, because: because.to_owned(), by });
        // If this process is killed, the head so far is no result.
        state.result = None;
        state.save(repository)?;
    }
    advance(repository, &state, progress)
}

/// Takes back that `patch` is left out, and replays from there. Resolutions of later patches are offered again where they do not fit
/// any more, since they were made without it.
///
/// # Errors
/// When no rebase is under way, `patch` is not left out, the folder shows a conflict that is not decided, or git fails.
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
    let shown = refuse_begun(repository, &state, &format!("take {} in again", patch.short()))?;
    let before = state.skips.len();
    state.skips.retain(|skip| skip.patch != patch);
    if state.skips.len() == before {
        return Err(Error::refused(
            format!("{} is not left out", patch.short()),
            format!("nothing was changed; `cutover branch rebase --branch {branch}` shows which patches are"),
        ));
    }
    shown.map_or(Ok(()), |folder| folder::withdraw(repository, &folder))?;
    // If this process is killed, the head so far is no result.
    state.result = None;
    state.save(repository)?;
    advance(repository, &state, progress)
}

/// Refuses if somebody has begun to resolve the conflict that the folder shows. Else the folder, if its conflict is not decided.
fn refuse_begun(repository: &Repository, state: &State, then: &str) -> Result<Option<Folder>> {
    let ready = folder::ready(repository, state)?;
    let undecided = ready.filter(|(_, shown)| !state.has_decided(&shown.patch, &shown.on));
    let Some((folder, shown)) = undecided else { return Ok(None) };
    if folder::is_untouched(repository.git(), &folder, &shown)? {
        return Ok(Some(folder));
    }
    Err(Error::refused(
        format!("somebody has begun to resolve {} in {}", shown.patch.short(), folder.path.display()),
        format!("nothing was changed; finish it first, with --continue, or leave it with --skip; then {then}"),
    ))
}
