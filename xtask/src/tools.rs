//! The cargo tools that the checks need: whether they are installed, and how to install them. The programs of the
//! system that the tests start are in `components`.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::workspace::Workspace;

/// The version installed where there is none. Whichever is on `PATH` is taken as it is.
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

/// cargo-deny: the one on `PATH`, else the one installed earlier, else installed now.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<PathBuf, Failure> {
    installed(workspace, "cargo-deny", ["--version"], CARGO_DENY_VERSION)
}

/// cargo-mutants, found or installed in the same way.
pub(crate) fn cargo_mutants(workspace: &Workspace) -> Result<PathBuf, Failure> {
    installed(workspace, "cargo-mutants", ["mutants", "--version"], CARGO_MUTANTS_VERSION)
}

/// The tool of that name: the one on `PATH`, else the one installed earlier; otherwise, installs it now. `probe` are
/// the arguments that print its version.
fn installed<const N: usize>(
    workspace: &Workspace,
    name: &str,
    probe: [&str; N],
    version: &str,
) -> Result<PathBuf, Failure> {
    let folder = workspace.tools_folder();
    let installed = folder.join("bin").join(name);
    for candidate in [PathBuf::from(name), installed.clone()] {
        if workspace.program(&candidate, probe).succeeds() {
            return Ok(candidate);
        }
    }
    eprintln!(
        "xtask: {name} is not installed; building version {version} into {} (once, about 3 minutes on 2 cores)",
        folder.display()
    );
    workspace
        .cargo(["install", "--locked", "--version", version, "--root"])
        .arguments([folder.to_string_lossy(), name.into()])
        .run(&format!("installing {name}"))?;
    Ok(installed)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let probe = |name: &str| Invocation::new(name, name, Path::new("."));
        let needed = [(probe("one"), "one: install it"), (probe("two"), "two: install it"), (probe("six"), "six")];
        let missing = missing(&needed, |invocation| invocation.to_line() == "two");
        assert_eq!(missing, ["one: install it", "six"]);
    }
}
