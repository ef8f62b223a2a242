//! Why a chore failed, with what to do next.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a chore failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The first argument is not the name of a chore.
    UnknownChore {
        /// The argument.
        given: String,
    },
    /// The chore takes no arguments and got one.
    UnexpectedArgument {
        /// The chore asked for.
        chore: String,
        /// The argument.
        given: String,
    },
    /// Cargo's environment is missing, so the workspace cannot be found.
    NotRunByCargo {
        /// The missing variable.
        variable: &'static str,
    },
    /// Tools that the checks need are not installed: one line for each, with how to install it.
    MissingTools(Vec<String>),
    /// A program could not be started.
    NotStarted {
        /// The command, as a person would type it.
        command: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A file could not be read.
    NotRead {
        /// The file.
        file: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file could not be written.
    NotWritten {
        /// The file.
        file: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Mutants that no test noticed, and that are not listed as equivalent.
    MutantsMissed(Vec<String>),
    /// Mutants that are listed as equivalent, and that a test notices or that do not exist any more.
    MutantsNotEquivalent(Vec<String>),
    /// Files that need each other: a text for each circle.
    Circles(Vec<String>),
    /// Modules and crates without a file, so that circles cannot be looked for: a text for each.
    ModulesMissing(Vec<String>),
    /// Figures that the README shows and the benchmarks did not.
    FiguresMissing(Vec<String>),
    /// The benchmarks showed no figure at all.
    NoFigures,
    /// Figures of the benchmarks that miss their bounds: a text for each.
    BoundsMissed(Vec<String>),
    /// No hosts for tests can be made here, for this reason.
    NoHosts(String),
    /// No machines can be booted here, for this reason, but plain hosts can be made.
    NoMachines(String),
    /// No mutant was run, so nothing is known about the tests.
    NoMutants,
    /// A program ran and did not succeed.
    Failed {
        /// The check or chore.
        what: String,
        /// The command, as a person would type it.
        command: String,
        /// A hint about the likely cause, if there is one.
        hint: Option<&'static str>,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownChore { given } => write!(f, "there is no chore `{given}`; `cargo xtask help` lists them"),
            Self::UnexpectedArgument { chore, given } => {
                write!(f, "`cargo xtask {chore}` takes no arguments, but got `{given}`")
            }
            Self::NotRunByCargo { variable } => {
                write!(f, "{variable} is not set; run this as `cargo xtask ...`")
            }
            Self::MissingTools(missing) => {
                write!(f, "the checks need programs that are not installed:")?;
                missing.iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Self::NotStarted { command, source } => write!(f, "cannot start `{command}`: {source}"),
            Self::NotWritten { file, source } => write!(f, "cannot write {}: {source}", file.display()),
            Self::NotRead { file, source } => write!(f, "cannot read {}: {source}", file.display()),
            Self::MutantsNotEquivalent(stale) => {
                write!(
                    f,
                    "a test notices these mutants, or they do not exist any more; remove them from \
                           xtask/equivalent-mutants.txt:"
                )?;
                stale.iter().try_for_each(|mutant| write!(f, "\n  {mutant}"))
            }
            Self::NoMutants => {
                write!(f, "no mutant was run: cargo-mutants found none that compiles in the files and places asked for")
            }
            Self::MutantsMissed(missed) => {
                write!(f, "no test notices these mutants; write one, or list them in xtask/equivalent-mutants.txt:")?;
                missed.iter().try_for_each(|mutant| write!(f, "\n  {mutant}"))
            }
            Self::Circles(circles) => {
                write!(f, "files must not need each other; move what both need into a file of its own:")?;
                circles.iter().try_for_each(|circle| write!(f, "\n  {circle}"))
            }
            Self::ModulesMissing(missing) => {
                write!(f, "circles cannot be looked for, because files were not found:")?;
                missing.iter().try_for_each(|file| write!(f, "\n  {file}"))
            }
            Self::FiguresMissing(missing) => {
                write!(f, "README.md shows these figures, and the benchmarks did not:")?;
                missing.iter().try_for_each(|figure| write!(f, "\n  {figure}"))
            }
            Self::NoHosts(reason) => write!(f, "no hosts can be made here: {reason}"),
            Self::NoMachines(reason) => {
                write!(f, "no machines can be booted here: {reason}; `cargo xtask e2e --kind plain` does without")
            }
            Self::NoFigures => write!(f, "the benchmarks showed no figure in a table that can be read"),
            Self::BoundsMissed(missed) => {
                write!(
                    f,
                    "these figures miss their bounds; on a busy machine, measure again before looking for a cause:"
                )?;
                missed.iter().try_for_each(|figure| write!(f, "\n  {figure}"))
            }
            Self::Failed { what, command, hint } => {
                write!(f, "{what} failed. To repeat only this step:\n  {command}")?;
                hint.map_or(Ok(()), |hint| write!(f, "\n{hint}"))
            }
        }
    }
}
