//! `cutover branch patches`: the patches of a branch, oldest first.

use cutover_patchstack::patches::list;

use super::fork::Fork;
use crate::args::branch::PatchesArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show};

pub(super) fn run(args: &PatchesArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    // Refs are surveyed meanwhile: starting git takes as long as its answer.
    let (survey, branch) = std::thread::scope(|scope| {
        let survey = scope.spawn(|| fork.conventions.survey(&fork.repository));
        let branch = fork.choose(args.one.branch.as_deref());
        (survey.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), branch)
    });
    let branch = branch?;
    let base = args.one.base.as_deref().map(|name| fork.repository.revision(name)).transpose()?;
    let listing = list(&fork.repository, &fork.conventions, &survey?, &branch, base.as_ref())?;
    if args.common.json {
        output::json(&listing)?;
    } else {
        output::result(&show::branch::patches_text(&listing))?;
    }
    Ok(Exit::Done)
}
