//! Which file does what `cutover branch` is asked for.

use super::{create, forecast, mirror, patches, publish, rebase, status, verify, watch};
use crate::args::branch::{BranchArgs, BranchCommand};
use crate::error::CommandError;
use crate::exit::Exit;

pub(crate) fn run(args: &BranchArgs) -> Result<Exit, CommandError> {
    match &args.command {
        BranchCommand::Status(args) => status::run(args),
        BranchCommand::Create(args) => create::run(args),
        BranchCommand::Patches(args) => patches::run(args),
        BranchCommand::Forecast(args) => forecast::run(args),
        BranchCommand::Watch(args) => watch::run(args),
        BranchCommand::Rebase(args) => rebase::run(args),
        BranchCommand::Verify(args) => verify::run(args),
        BranchCommand::Publish(args) => publish::run(args),
        BranchCommand::Mirror(args) => mirror::run(args),
    }
}
