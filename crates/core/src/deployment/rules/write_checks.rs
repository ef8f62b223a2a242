//! Checks that write.

use super::Rule;
use crate::deployment::Deployment;
use crate::deployment::document::Node;
use crate::deployment::mistake::{Mistake, list};

pub(super) const RULES: &[Rule] = &[they_name_fleets_that_exist, names_can_be_part_of_a_step];

fn they_name_fleets_that_exist(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let known: Vec<&str> = deployment.fleets.iter().map(|fleet| fleet.name.as_str()).collect();
    let mut mistakes = Vec::new();
    for (index, check) in deployment.write_checks.iter().enumerate() {
        let unknown = check.fleets.iter().enumerate().filter(|(_, name)| deployment.fleet(name).is_none());
        for (nth, name) in unknown {
            let node = file.get("write_check").item(index).get("fleets").item(nth);
            let message = format!("the write check names fleet `{name}`, which does not exist");
            let label = format!("there are: {}", list(&known, "and"));
            mistakes.push(Mistake::at(node, message, label).suggest(name.as_str(), &known));
        }
    }
    mistakes
}

fn names_can_be_part_of_a_step(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let checks = deployment.write_checks.iter().enumerate();
    let strange = checks.filter(|(_, check)| check.name.is_empty() || !check.name.chars().all(plain));
    strange
        .map(|(index, check)| {
            let message = format!("`{}` cannot be the name of a write check", check.name);
            let node = file.get("write_check").item(index).get("name");
            Mistake::at(node, message, "letters, digits, - and _, as in `enrol`")
        })
        .collect()
}
