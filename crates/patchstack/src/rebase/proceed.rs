//! `branch rebase --continue`: takes the resolution of a conflict, and continues.

use super::advance::advance;
use super::resolution::{self, Taken};
use super::state::{Resolved, State, committer, hold};
use super::{Standing, folder, rerere};
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::repository::Repository;

/// Takes the resolution of the conflict that the folder shows, and continues up to the next conflict. Where somebody has given up the
/// cherry-pick in the folder, the same conflict is shown again.
/// Without a conflict it only continues: it finishes what a killed command has left unfinished.
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
        if folder.is_given_up(repository.git(), &shown.on)? {
            resolution::refuse_loose(repository.git(), &folder)?;
            folder::show_again(repository, &folder, &shown)?;
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
    let Some(now) = now.filter(|now| *now != state.old && Some(now) != state.result.as_ref()) else { return Ok(()) };
    // It may be an earlier result, in which something is decided anew.
    if Ledger::read(repository, &now)?.is_some_and(|ledger| ledger.old.head == state.old) {
        return Ok(());
    }
    Err(Error::refused(
        format!("{reference} moved since the rebase was started, from {} to {}", state.old.short(), now.short()),
        "nothing was changed; --abort and beginning again takes the new commits in. Resolutions that were recorded are \
         offered again",
    ))
}
