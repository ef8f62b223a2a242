//! `cutover branch status`: where each of our release branches stands.

use cutover_patchstack::publish::obstacles;
use cutover_patchstack::status::{rebases_of_new_branches, status};

use super::fork::Fork;
use crate::args::branch::StatusArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show};

pub(super) fn run(args: &StatusArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    let branches = status(&fork.repository, &fork.conventions)?;
    let new = rebases_of_new_branches(&fork.repository, &branches)?;
    let names: Vec<&str> = branches.iter().map(|branch| branch.branch.as_str()).collect();
    let obstacles = obstacles(&fork.repository, &fork.conventions, &fork.protected, &names);
    if args.common.json {
        output::json(&serde_json::json!({ "branches": branches, "new": new, "obstacles": obstacles }))?;
    } else {
        output::result(&show::branch::status_text(&branches, &new, &obstacles, &fork.conventions, &fork.typed))?;
    }
    Ok(Exit::Done)
}
