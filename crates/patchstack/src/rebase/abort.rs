//! `branch rebase --abort`: gives a rebase up. The branch never moved, so there is nothing to put back.

use super::folder;
use super::state::{State, hold};
use crate::error::{Error, Result};
use crate::repository::Repository;

/// Gives the rebase of a branch up: removes its work ref, its folder, and last its record, so that a killed abort can be
/// given again. The ref is first: another git may have it locked, and then the folder shall still be there. Resolutions that were recorded for the next time stay.
///
/// # Errors
/// When none is under way, or something of it cannot be removed.
pub fn abort(repository: &Repository, branch: &str) -> Result<()> {
    let _hold = hold(repository, branch)?;
    let state = match State::expect(repository, branch) {
        Ok(state) => Some(state),
        // What cannot be read names no folder; the rest can go.
        Err(Error::Damaged { .. }) => None,
        Err(error) => return Err(error),
    };
    let work = State::work_ref(branch)?;
    let call =
        repository.call("update-ref", format!("remove {}", work.as_str())).options(&["-d"]).operands([work.as_str()]);
    repository.git().output(&call)?;
    if let Some(state) = state {
        folder::give_up(repository, &state)?;
    }
    State::remove(repository, branch)
}
