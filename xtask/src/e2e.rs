//! `cargo xtask e2e`: a whole upgrade on real parts (crates/e2e), by the program that is built before it.

use crate::components;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::machines::{self, Kind, Machines};
use crate::python::{self, Python};
use crate::workspace::Workspace;

/// Runs an upgrade, on hosts of that kind, or else of the first kind that can be made here. Its outcome is printed, as one JSON object
/// if `as_json` says so.
///
/// # Errors
/// When there can be no such hosts here, the program cannot be built, or the outcome is not what it should be.
pub(crate) fn run(workspace: &Workspace, kind: Option<Kind>, as_json: bool) -> Result<(), Failure> {
    upgrade(workspace, kind, as_json.then_some("--json"))?.run("the upgrade")
}

/// The command of an upgrade, once everything that it needs is there. `form` is the option that says what it prints.
///
/// # Errors
/// When there can be no such hosts here, or the program cannot be built.
pub(crate) fn upgrade(workspace: &Workspace, kind: Option<Kind>, form: Option<&str>) -> Result<Invocation, Failure> {
    components::require(workspace)?;
    let python = python::require(workspace)?;
    let machines = machines::require(workspace)?.of(kind)?;
    eprintln!("xtask: {}", machines.chosen());
    workspace.cargo(["build", "--package", "cutover", "--locked"]).prepare("building cutover")?;
    Ok(command(workspace, &python, &machines, form))
}

fn command(workspace: &Workspace, python: &Python, machines: &Machines, form: Option<&str>) -> Invocation {
    let upgrade = workspace.cargo(["run", "--package", "cutover-e2e", "--locked", "--quiet", "--"]);
    machines.tell(python.tell(upgrade.arguments(form)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_upgrade_is_told_where_its_parts_are() {
        let (workspace, python) = (Workspace::at("cargo", Path::new(".")), Python::imagined());
        let line = |form| command(&workspace, &python, &Machines::imagined(), form).to_line();
        for part in ["CUTOVER_MOTO_PYTHON=", "CUTOVER_DEBIAN=", "CUTOVER_SERVERS=", "CUTOVER_SITE="] {
            assert!(line(None).contains(part), "{part}: {}", line(None));
        }
        let as_json = line(Some("--json"));
        assert!(as_json.ends_with("cargo run --package cutover-e2e --locked --quiet -- --json"), "{as_json}");
        assert!(line(None).ends_with(" --quiet --"), "{}", line(None));
        assert!(as_json.contains("CUTOVER_HOSTS=machines"), "{as_json}");
        let plain = Machines::imagined().of(Some(Kind::Plain)).expect("they are possible");
        let plain = command(&workspace, &python, &plain, None).to_line();
        assert!(plain.contains("CUTOVER_HOSTS=plain"), "{plain}");
    }
}
