//! `branch rebase --continue`: takes the resolution of a conflict, and continues.

use super::advance::advance;
use super::resolution::{self, Taken};
use super::state::{Resolved, State, committer, hold};
use super::{Standing, folder, rerere};
use crate::error::{Error, Result};
use crate::repository::Repository;

/// Takes the resolution of the conflict that the folder shows, and continues up to the next conflict.
/// Without a conflict it only continues: it finishes what a killed command has left unfinished. A conflict that somebody has taken
/// out of the folder is shown again.
///
/// # Errors
/// When the conflict is not resolved, nothing is left of the patch, the branch moved since the rebase was started, none
/// is under way, or git fails.
pub fn proceed(repository: &Repository, branch: &str, progress: &mut dyn FnMut(usize, usize)) -> Result<Standing> {
    let _hold = hold(repository, branch)?;
    let mut state = State::expect(repository, branch)?;
    refuse_if_moved(repository, &state)?;
    if let Some((folder, shown)) = folder::ready(repository, &state)?
        && !state.has_decided(&shown.patch, &shown.on)
    {
        if folder::is_given_up(repository.git(), &folder, &shown)? {
            folder::refill(repository, &folder, &shown)?;
            return advance(repository, &state, progress);
        }
        let Taken { tree, message } = resolution::take(repository.git(), &folder, &shown)?;
        let committer = committer(repository)?;
        // Only a help for the next time: a resolution holds without it.
        let _ = rerere::record(repository, &folder);
        state.resolutions.retain(|resolved| resolved.patch != shown.patch);
        state.resolutions.push(Resolved { patch: shown.patch, tree, on: shown.on, committer, message });
        state.save(repository)?;
    }
    advance(repository, &state, progress)
}

/// Refuses when somebody has committed to the branch meanwhile: the result would lack those commits.
pub(super) fn refuse_if_moved(repository: &Repository, state: &State) -> Result<()> {
    let Some(reference) = &state.reference else { return Ok(()) };
    let now = repository.find(reference)?;
    let result = repository.find(&State::work_ref(&state.target)?)?;
    if now.is_none() || now.as_ref() == Some(&state.old) || now == result {
        return Ok(());
    }
    let now = now.map_or_else(String::new, |commit| commit.short().to_owned());
    Err(Error::refused(
        format!("{reference} moved since the rebase was started, from {} to {now}", state.old.short()),
        "nothing was changed; --abort and beginning again takes the new commits in. Resolutions that were recorded are \
         offered again",
    ))
}
