//! `cargo xtask`: the checks and chores of this repository. It contains no code of cutover itself.
//!
//! It uses only the standard library, so that it is built within seconds.

#![expect(
    clippy::disallowed_methods,
    reason = "chores start other programs, read cargo's environment and measure time"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "chores print to the person who runs them")]

mod bench;
mod chore;
mod circles;
mod components;
mod debian;
mod e2e;
mod failure;
mod invocation;
mod machines;
mod mutants;
mod python;
mod quick;
mod test;
mod tools;
mod workspace;

use std::env;
use std::process::ExitCode;

use chore::Chore;
use failure::Failure;
use workspace::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match Chore::parse(&arguments).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<(), Failure> {
    if chore == Chore::Help {
        print!("{}", chore::HELP);
        return Ok(());
    }
    let workspace = Workspace::from_environment()?;
    match chore {
        Chore::Help => Ok(()),
        Chore::Test => test::run(&workspace),
        Chore::QuickTest => test::quick(&workspace),
        Chore::Audit => test::audit(&workspace),
        Chore::BenchForecast => bench::forecast(&workspace),
        Chore::BenchHosts => bench::hosts(&workspace),
        Chore::Bench(arguments) => bench::run(&workspace, arguments),
        Chore::EndToEnd { kind, as_json } => e2e::run(&workspace, kind, as_json),
        Chore::Circles => circles::check(&workspace),
        Chore::Mutants(arguments) => mutants::run(&workspace, &arguments),
        Chore::Reference => workspace
            .cargo(["test", "-p", "cutover", "--test", "reference"])
            .environment("UPDATE_REFERENCE", "1")
            .run("command-line reference"),
    }
}
