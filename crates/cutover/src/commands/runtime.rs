//! The runtime that commands run in.

use crate::error::CommandError;

/// Runs a command's future on a runtime; fails if the operating system cannot provide one.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    crate::wall::block_on(future).map_err(CommandError::Output)?
}
