//! `branch rebase --abort`: aborts a rebase. The branch never moved, so there is nothing to restore.

use super::state::{State, hold};
use super::{exec, folder};
use crate::error::{Error, Result};
use crate::repository::Repository;

/// Aborts the rebase of a branch: removes its work ref, its folder, and last its record, so that a killed abort can be
/// repeated. The ref is first: another git may have locked it, and then the folder must still be there. Resolutions
/// that were recorded for the next time stay.
///
/// # Errors
/// When none is under way, somebody has worked in the folder of `--exec` or made new files in that of the conflict, or something cannot be removed.
pub fn abort(repository: &Repository, branch: &str) -> Result<()> {
    let _hold = hold(repository, branch)?;
    let state = match State::expect(repository, branch) {
        Ok(state) => Some(state),
        // What cannot be read names no folder; the rest can go.
        Err(Error::Damaged { .. }) => None,
        Err(error) => return Err(error),
    };
    if let Some(state) = &state {
        exec::refuse_to_give_up(repository, state)?;
        if let Some((folder, _)) = folder::ready(repository, state)? {
            folder::refuse_repositories(&folder, "nothing was changed")?;
            let hint = "nothing was changed; remove them or move them away, then --abort";
            folder::refuse_new(repository.git(), &folder, hint)?;
        }
    }
    let work = State::work_ref(branch)?;
    let call =
        repository.call("update-ref", format!("remove {}", work.as_str())).options(&["-d"]).operands([work.as_str()]);
    repository.git().output(&call)?;
    if let Some(state) = state {
        folder::give_up(repository, &state)?;
        exec::give_up(repository, &state)?;
    }
    State::remove(repository, branch)
}
