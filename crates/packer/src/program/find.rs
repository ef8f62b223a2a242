//! Finds Packer, and asks for its version.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Call, Environment, Outcome, Version};
use crate::error::{Error, Result};
use crate::output::line;

/// A Packer that is good enough, and what it inherits.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    version: Version,
    environment: Environment,
}

impl Program {
    /// Finds Packer: a path, or a name that is looked for on `PATH`.
    ///
    /// # Errors
    /// When there is none, it is older than [`Version::MINIMUM`], or the program of that name is not Packer.
    pub fn find(wanted: &Path, environment: Environment) -> Result<Self> {
        let is_name = wanted.components().count() == 1 && wanted.is_relative();
        let found = if is_name { environment.program(wanted.as_os_str()) } else { Some(wanted.to_owned()) };
        let path = found.ok_or_else(|| {
            Error::refused(
                format!("there is no program {} on PATH", wanted.display()),
                "nothing was started; install Packer 1.6 or later, and the plugins that the template needs",
            )
        })?;
        let call = Call {
            program: path.clone(),
            arguments: ["version", "-machine-readable"].map(OsString::from).into(),
            directory: PathBuf::from("/"),
            doing: "say its version".to_owned(),
        };
        let version = checked(&path, &call.run(&environment)?)?;
        Ok(Self { path, version, environment })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// What it inherits.
    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Calls it with `-machine-readable`, and waits for its end.
    pub(crate) fn ask(&self, verb: &str, arguments: Vec<OsString>, directory: &Path, doing: String) -> Result<Outcome> {
        let first = [verb, "-machine-readable"].map(OsString::from);
        let arguments = first.into_iter().chain(arguments).collect();
        Call { program: self.path.clone(), arguments, directory: directory.to_owned(), doing }.run(&self.environment)
    }
}

fn checked(path: &Path, outcome: &Outcome) -> Result<Version> {
    let said = line::all(&outcome.stdout).find(|line| line.kind == "version");
    let version = said.and_then(|line| Version::parse(line.data.first()?));
    match version {
        Some(version) if version >= Version::MINIMUM => Ok(version),
        Some(version) => Err(Error::refused(
            format!(
                "{} is Packer {version}, which is too old: {} or later is needed",
                path.display(),
                Version::MINIMUM
            ),
            "nothing was started; install a newer Packer",
        )),
        None => Err(Error::refused(
            format!("{} does not answer `version` as Packer does", path.display()),
            "nothing was started; another program may have that name (cracklib has one): give the path of Packer",
        )),
    }
}
