//! Which variables a template declares, from the answer of `packer inspect -machine-readable`.

use std::collections::BTreeMap;

use crate::output::line::{self, Line};

/// The names of the variables, each with whether it has to be given because it has no value of its own.
pub(super) fn read(answer: &[u8]) -> BTreeMap<String, bool> {
    let mut declared = BTreeMap::new();
    for line in line::all(answer) {
        match (line.kind.as_str(), line.datum(0)) {
            // In JSON: name, default, 1 if it has to be given.
            ("template-variable", name) => {
                declared.insert(name.to_owned(), line.datum(2) == "1");
            }
            ("ui", "say") => declared.extend(of_hcl2(&line)),
            _ => {}
        }
    }
    declared
}

/// In HCL2 they are in a text: `var.NAME: "VALUE"`.
fn of_hcl2(line: &Line) -> impl Iterator<Item = (String, bool)> {
    let variables = line.datum(1).lines().filter_map(|line| line.strip_prefix("var.")?.split_once(": "));
    variables.map(|(name, value)| (name.to_owned(), value == "\"<unknown>\""))
}
