//! `cutover schema`: the JSON Schema of the deployment file, generated from the types into which it is read.

use crate::error::CommandError;
use crate::exit::Exit;
use crate::output;

pub(super) fn run() -> Result<Exit, CommandError> {
    output::json(&cutover_core::deployment::schema())?;
    Ok(Exit::Done)
}
