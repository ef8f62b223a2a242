//! `cutover branch create`: a release branch on upstream's release.

use cutover_patchstack::create::create;

use super::fork::Fork;
use crate::args::branch::CreateArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show};

pub(super) fn run(args: &CreateArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    let created = create(&fork.repository, &fork.conventions, &args.codename, args.from.as_deref())?;
    if args.common.json {
        output::json(&created)?;
    } else {
        output::result(&show::branch::created_text(&created, &fork.typed))?;
    }
    Ok(Exit::Done)
}
