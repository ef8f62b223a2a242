//! Which file does what the command line asks for.

use cutover_core::plan::Phase;

use super::{
    approve, branch, check, completions, image, init, look, phase, plan, policy, rehearse, report, schema, status,
};
use crate::args::{Cli, Command};
use crate::error::CommandError;
use crate::exit::Exit;

/// Carries out the command line.
///
/// # Errors
/// When the command cannot be carried out. The error says what is known and what to do.
pub fn run(cli: Cli) -> Result<Exit, CommandError> {
    match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Rehearse(args) => rehearse::run(&args),
        Command::Announce(args) => phase::run(&args, Phase::Announce),
        Command::Prepare(args) => phase::run(&args, Phase::Prepare),
        Command::Window(args) => phase::run(&args, Phase::Window),
        Command::Retire(args) => phase::run(&args, Phase::Retire),
        Command::Approve(args) => approve::run(&args),
        Command::Look(args) => look::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Branch(args) => branch::run(&args),
        Command::Image(args) => image::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Schema => schema::run(),
        Command::Completions { shell } => completions::run(shell),
    }
}
