//! `cutover branch status`: where each of our release branches stands.

use cutover_patchstack::status::status;

use super::place::Place;
use crate::args::branch::StatusArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show};

pub(super) fn run(args: &StatusArgs) -> Result<Exit, CommandError> {
    let place = Place::open(&args.place)?;
    let branches = status(&place.repository, &place.conventions)?;
    if args.place.json {
        output::json(&serde_json::json!({ "branches": branches }))?;
    } else {
        output::result(&show::branch::status_text(&branches, &place.conventions, &place.typed))?;
    }
    Ok(Exit::Done)
}
