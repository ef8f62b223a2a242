//! `cutover branch patches`: the patches of a branch, oldest first.

use cutover_patchstack::patches::list;

use super::place::Place;
use crate::args::branch::PatchesArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show};

pub(super) fn run(args: &PatchesArgs) -> Result<Exit, CommandError> {
    let place = Place::open(&args.place)?;
    // Refs are surveyed meanwhile: starting git takes as long as its answer.
    let (survey, branch) = std::thread::scope(|scope| {
        let survey = scope.spawn(|| place.conventions.survey(&place.repository));
        let branch = place.choose(args.one.branch.as_deref());
        (survey.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), branch)
    });
    let branch = branch?;
    let base = args.one.base.as_deref().map(|name| place.repository.revision(name)).transpose()?;
    let listing = list(&place.repository, &place.conventions, &survey?, &branch, base.as_ref())?;
    if args.place.json {
        output::json(&listing)?;
    } else {
        output::result(&show::branch::patches_text(&listing))?;
    }
    Ok(Exit::Done)
}
