//! `branch rebase --continue`: takes what a person made of a conflict, and goes on.

use super::advance::advance;
use super::state::{Resolved, State, committer, hold};
use super::{Standing, folder, rerere, resolution};
use crate::error::{Error, Result};
use crate::repository::Repository;

/// Takes what a person made of the conflict that the folder shows, and goes on as far as it goes without a person.
/// Where no conflict waits it only goes on: what a killed command left undone is done.
///
/// # Errors
/// When the conflict is not resolved, nothing is left of the patch, the branch moved since the rebase began, none is
/// under way, or git breaks off.
pub fn proceed(repository: &Repository, branch: &str, progress: &mut dyn FnMut(usize, usize)) -> Result<Standing> {
    let _hold = hold(repository, branch)?;
    let mut state = State::expect(repository, branch)?;
    refuse_if_moved(repository, &state)?;
    if let Some((folder, shown)) = folder::ready(repository, &state)?
        && !state.has_decided(&shown.patch)
    {
        let tree = resolution::take(repository.git(), &folder, &shown)?;
        let committer = committer(repository)?;
        // Only a help for the next time: a resolution holds without it.
        let _ = rerere::record(repository, &folder);
        state.resolutions.push(Resolved { patch: shown.patch, tree, on: shown.on, committer });
        state.save(repository)?;
    }
    advance(repository, &state, progress)
}

/// Refuses when somebody committed to the branch meanwhile, for the result would lack that.
pub(super) fn refuse_if_moved(repository: &Repository, state: &State) -> Result<()> {
    let Some(reference) = &state.reference else { return Ok(()) };
    let now = repository.find(reference)?;
    let result = repository.find(&State::work_ref(&state.target)?)?;
    if now.is_none() || now.as_ref() == Some(&state.old) || now == result {
        return Ok(());
    }
    let now = now.map_or_else(String::new, |commit| commit.short().to_owned());
    Err(Error::refused(
        format!("{reference} moved since the rebase began, from {} to {now}", state.old.short()),
        "nothing was changed; --abort and beginning again takes the new commits in. Resolutions that were recorded are \
         offered again",
    ))
}
