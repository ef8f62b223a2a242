//! What the `cutover` command is made of. The binary only starts it.

pub mod absent;
pub mod args;
pub mod commands;
pub mod error;
pub mod exit;
pub mod harmless;
pub mod operator;
pub mod output;
pub mod planning;
pub mod session;
pub mod show;
pub mod wall;
pub mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let exit = commands::run(args::Cli::parse()).unwrap_or_else(|error| {
        output::error(&error);
        error.exit()
    });
    exit.into()
}

/// The command line as data, for the reference.
#[must_use]
pub fn command() -> clap::Command {
    args::Cli::command()
}
