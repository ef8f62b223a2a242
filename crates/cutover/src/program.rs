//! The program: from the command line to the exit code.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::commands_to_type::{GivenArguments, again};
use crate::{args, commands, output, wall};

/// A step is a handful of small allocations, and a rehearsal is some thousands of steps: with this allocator it takes a
/// seventh less time than with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let given = GivenArguments { again: Some(again(&wall::arguments())), ..GivenArguments::of(&cli) };
    let exit = commands::run(cli).unwrap_or_else(|error| {
        output::error(&error, &given);
        error.exit()
    });
    exit.into()
}

/// The command line as data, for the generated reference.
#[must_use]
pub fn command() -> clap::Command {
    args::Cli::command()
}
