//! `cutover branch create`: a release branch on upstream's release.

use cutover_patchstack::create::create;

use super::place::Place;
use crate::args::branch::CreateArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show};

pub(super) fn run(args: &CreateArgs) -> Result<Exit, CommandError> {
    let place = Place::open(&args.place)?;
    let created = create(&place.repository, &place.conventions, &args.codename, args.from.as_deref())?;
    if args.place.json {
        output::json(&created)?;
    } else {
        output::result(&show::branch::created_text(&created, &place.typed))?;
    }
    Ok(Exit::Done)
}
