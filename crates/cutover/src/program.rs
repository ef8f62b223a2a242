//! The program: from the command line to the exit code.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::commands_to_type::{GivenArguments, again};
use crate::{args, commands, output, wall};

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
