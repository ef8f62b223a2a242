//! Which variables a template declares, and which builders it has, from the answer of `packer inspect -machine-readable`.

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

/// The builders, by the names that `-only` takes.
pub(super) fn builders(answer: &[u8]) -> Vec<String> {
    let mut builders = Vec::new();
    for line in line::all(answer) {
        match (line.kind.as_str(), line.datum(0)) {
            // In JSON: name, type.
            ("template-builder", name) => builders.push(name.to_owned()),
            ("ui", "say") => builders.extend(sources(line.datum(1))),
            _ => {}
        }
    }
    builders
}

/// In HCL2 they are in a text, with a name before them if their build has one:
///
/// ```text
///   > NAME:
///
///     sources:
///
///       amazon-ebs.edxapp
/// ```
fn sources(text: &str) -> Vec<String> {
    let (mut build, mut is_listed, mut sources) = (None, false, Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(name) = line.strip_prefix("  > ").and_then(|rest| rest.strip_suffix(':')) {
            build = Some(name).filter(|name| !name.starts_with("<unnamed build"));
        } else if let Some(source) = line.strip_prefix("      ").filter(|_| is_listed) {
            sources.push(build.map_or_else(|| source.to_owned(), |build| format!("{build}.{source}")));
            continue;
        }
        is_listed = line.trim() == "sources:";
    }
    sources
}

/// In HCL2 they are in a text: `var.NAME: "VALUE"`.
fn of_hcl2(line: &Line) -> impl Iterator<Item = (String, bool)> {
    let variables = line.datum(1).lines().filter_map(|line| line.strip_prefix("var.")?.split_once(": "));
    variables.map(|(name, value)| (name.to_owned(), value == "\"<unknown>\""))
}
