//! `cutover schema`: the JSON Schema of the deployment file, generated from the types that read it.

use crate::error::CommandError;
use crate::exit::Exit;
use crate::output;

pub(super) fn run() -> Result<Exit, CommandError> {
    output::json(&cutover_core::deployment::schema())?;
    Ok(Exit::Done)
}
