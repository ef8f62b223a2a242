//! Where things are: cargo, the workspace, its target folder. They are read once from the environment that cargo sets.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::invocation::Invocation;

/// The checkout that a chore works on.
#[derive(Debug)]
pub(crate) struct Workspace {
    cargo: OsString,
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The workspace of the cargo that runs this program.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let cargo = variable("CARGO")?;
        let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
        let root = manifest.parent().unwrap_or(&manifest).to_path_buf();
        let target = target_folder(&root, env::var_os("CARGO_TARGET_DIR"));
        Ok(Self { cargo, root, target })
    }

    /// The workspace in `root`, with its target folder in the usual place.
    #[cfg(test)]
    pub(crate) fn at(cargo: &str, root: &Path) -> Self {
        Self { cargo: cargo.into(), root: root.to_owned(), target: target_folder(root, None) }
    }

    /// A command of the cargo that runs this program, so that all checks use one toolchain.
    pub(crate) fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Invocation {
        Invocation::new(&self.cargo, "cargo", &self.root).arguments(arguments)
    }

    /// A command of another program, given by its path or by a name on `PATH`.
    pub(crate) fn program<const N: usize>(&self, program: &Path, arguments: [&str; N]) -> Invocation {
        Invocation::new(program.as_os_str(), &program.to_string_lossy(), &self.root).arguments(arguments)
    }

    /// A file of the checkout.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// Where chores install the tools that they need and that are missing.
    pub(crate) fn tools_folder(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Where chores install components for tests that cargo does not build.
    pub(crate) fn components_folder(&self) -> PathBuf {
        self.target.join("components")
    }
}

fn variable(name: &'static str) -> Result<OsString, Failure> {
    env::var_os(name).ok_or(Failure::NotRunByCargo { variable: name })
}

/// The target folder by cargo's own rule: `CARGO_TARGET_DIR`, relative to the root, otherwise `target`.
fn target_folder(root: &Path, configured: Option<OsString>) -> PathBuf {
    root.join(configured.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_installed_into_the_target_folder() {
        let root = Path::new("/clone");
        assert_eq!(target_folder(root, None), Path::new("/clone/target"));
        assert_eq!(target_folder(root, Some("/elsewhere".into())), Path::new("/elsewhere"));
        assert_eq!(target_folder(root, Some("build".into())), Path::new("/clone/build"));
    }
}
