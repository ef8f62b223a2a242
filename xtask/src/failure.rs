//! Why a chore stopped, in words that say what to do next.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a chore stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The first argument names no chore.
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
        /// The variable looked for.
        variable: &'static str,
    },
    /// Tools that the checks need are not installed: one line each, with what installs it.
    MissingTools(Vec<String>),
    /// A program could not be started.
    NotStarted {
        /// The command, as a person would type it.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    NotWritten {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Mutants that no test has noticed and nothing explains.
    MutantsMissed(Vec<String>),
    /// A program ran and did not succeed.
    Failed {
        /// The check or chore.
        what: String,
        /// The command, as a person would type it.
        command: String,
        /// Why that is likely, where it is known.
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
                write!(f, "{variable} is not set; run this as `cargo xtask ...` and not by itself")
            }
            Self::MissingTools(missing) => {
                write!(f, "the checks need what is not installed here:")?;
                missing.iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Self::NotStarted { command, source } => write!(f, "cannot start `{command}`: {source}"),
            Self::NotWritten { file, source } => write!(f, "cannot write {}: {source}", file.display()),
            Self::MutantsMissed(missed) => {
                write!(f, "no test notices these mutants; write one, or list them in xtask/equivalent-mutants.txt:")?;
                missed.iter().try_for_each(|mutant| write!(f, "\n  {mutant}"))
            }
            Self::Failed { what, command, hint } => {
                write!(f, "{what} failed. To repeat only this:\n  {command}")?;
                hint.map_or(Ok(()), |hint| write!(f, "\n{hint}"))
            }
        }
    }
}
