//! `cargo xtask e2e`: a whole upgrade on real parts (crates/e2e), by the program that is built before it.

use crate::components;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::machines::{self, Machines};
use crate::python::{self, Python};
use crate::workspace::Workspace;

/// Runs an upgrade. Its outcome is printed, as one JSON object if `as_json` says so.
///
/// # Errors
/// When no machines can be booted here, the program cannot be built, or the outcome is not what it should be.
pub(crate) fn run(workspace: &Workspace, as_json: bool) -> Result<(), Failure> {
    components::require(workspace)?;
    let python = python::require(workspace)?;
    let machines = machines::require(workspace)?;
    if let Some(reason) = machines.impossible() {
        return Err(Failure::NoMachines(reason.to_owned()));
    }
    workspace.cargo(["build", "--package", "cutover", "--locked"]).run("building cutover")?;
    upgrade(workspace, &python, &machines, as_json).run("the upgrade")
}

fn upgrade(workspace: &Workspace, python: &Python, machines: &Machines, as_json: bool) -> Invocation {
    let upgrade = workspace.cargo(["run", "--package", "cutover-e2e", "--locked", "--quiet", "--"]);
    let upgrade = if as_json { upgrade.arguments(["--json"]) } else { upgrade };
    machines.tell(python.tell(upgrade))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_upgrade_is_told_where_its_parts_are() {
        let (workspace, python) = (Workspace::at("cargo", Path::new(".")), Python::imagined());
        let line = |as_json| upgrade(&workspace, &python, &Machines::imagined(), as_json).to_line();
        for part in ["CUTOVER_MOTO_PYTHON=", "CUTOVER_DEBIAN=", "CUTOVER_SERVERS=", "CUTOVER_SITE="] {
            assert!(line(false).contains(part), "{part}: {}", line(false));
        }
        assert!(line(true).ends_with("cargo run --package cutover-e2e --locked --quiet -- --json"), "{}", line(true));
        assert!(line(false).ends_with(" --quiet --"), "{}", line(false));
    }
}
