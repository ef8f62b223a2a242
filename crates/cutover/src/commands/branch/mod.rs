//! `cutover branch`: release branches. One file a command; what they share is `fork` (which clone, which names, which
//! branch) and `progress`.

mod create;
mod forecast;
mod fork;
mod imaged;
mod mirror;
mod patches;
mod progress;
mod publish;
mod rebase;
mod status;
mod verify;

pub(super) use imaged::check as check_imaged_branches;

use crate::args::branch::{BranchArgs, BranchCommand};
use crate::error::CommandError;
use crate::exit::Exit;

pub(super) fn run(args: &BranchArgs) -> Result<Exit, CommandError> {
    match &args.command {
        BranchCommand::Status(args) => status::run(args),
        BranchCommand::Create(args) => create::run(args),
        BranchCommand::Patches(args) => patches::run(args),
        BranchCommand::Forecast(args) => forecast::run(args),
        BranchCommand::Rebase(args) => rebase::run(args),
        BranchCommand::Verify(args) => verify::run(args),
        BranchCommand::Publish(args) => publish::run(args),
        BranchCommand::Mirror(args) => mirror::run(args),
    }
}

/// Scripts use it to tell whether a person is needed.
const fn needs_a_person(needed: bool) -> Exit {
    if needed { Exit::Person } else { Exit::Done }
}

/// Each patch with why; there must be as many reasons as patches.
fn with_reasons(option: &str, patches: &[String], reasons: &[String]) -> Result<Vec<(String, String)>, CommandError> {
    if patches.len() != reasons.len() {
        return Err(CommandError::refused(
            format!("{option} is given {} times and --because {} times", patches.len(), reasons.len()),
            format!("nothing was changed; give one --because for each {option}"),
        ));
    }
    Ok(patches.iter().cloned().zip(reasons.iter().cloned()).collect())
}
