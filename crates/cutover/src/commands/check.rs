//! `cutover check`: the read-only preflight.

use cutover_core::planner::Inputs;
use cutover_core::preflight::{CheckState, check};

use crate::args::FileArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
use crate::{output, show};

pub(super) fn run(args: &FileArgs) -> Result<Exit, CommandError> {
    let session = Session::open(Loaded::read(&args.file)?, Access::Look)?;
    let mut items = super::block_on(async {
        let upgrade = session.read().await?.upgrade;
        let observation = session.observe(&upgrade).await?;
        let inputs = Inputs { deployment: session.deployment(), observation: &observation, upgrade: &upgrade };
        Ok(check(inputs))
    })?;
    items.extend(super::branch::check_imaged_branches(&args.file, session.deployment()));
    items.sort_by_key(|item| item.state);
    if args.json {
        output::json(&items)?;
    } else {
        output::result(&show::check_text(&items))?;
    }
    let problem = items.iter().any(|item| item.state == CheckState::Problem);
    Ok(if problem { Exit::Problem } else { Exit::Done })
}
