//! The runtime that commands run in.

use crate::error::CommandError;

/// Runs a command's future; the operating system must have room for a runtime.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    crate::wall::block_on(future).map_err(CommandError::Output)?
}
