//! `cutover branch patches`: the patches of a branch, oldest first.

use cutover_patchstack::patches::list;

use super::place::Place;
use crate::args::branch::PatchesArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show};

pub(super) fn run(args: &PatchesArgs) -> Result<Exit, CommandError> {
    let place = Place::open(&args.place)?;
    let branch = place.choose(args.one.branch.as_deref())?;
    let base = args.one.base.as_deref().map(|name| place.repository.revision(name)).transpose()?;
    let listing = list(&place.repository, &place.conventions, &branch, base.as_ref())?;
    if args.place.json {
        output::json(&listing)?;
    } else {
        output::result(&show::branch::patches_text(&listing))?;
    }
    Ok(Exit::Done)
}
