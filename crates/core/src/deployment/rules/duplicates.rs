//! Nothing is named twice, and no required list is empty.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::{Deployment, Role};

pub(super) const RULES: &[Rule] = &[names_are_unique, site_hosts_are_unique, programs_are_unique, nothing_is_empty];

fn names_are_unique(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let at = |kind: &str, index: usize| file.get(kind).item(index).get("name");
    [
        twice("site", deployment.sites.iter().map(|site| &site.name), |index| at("site", index)),
        twice("balancer", deployment.balancers.iter().map(|balancer| &balancer.name), |index| at("balancer", index)),
        twice("fleet", deployment.fleets.iter().map(|fleet| &fleet.name), |index| at("fleet", index)),
        twice("database", deployment.databases.iter().map(|database| &database.name), |index| at("database", index)),
        twice("write check", deployment.write_checks.iter().map(|check| &check.name), |index| at("write_check", index)),
        twice("gate", deployment.gates.iter().map(|gate| &gate.name), |index| at("gate", index)),
        twice("announcement", deployment.announcements.iter().map(|announcement| &announcement.name), |index| {
            at("announcement", index)
        }),
    ]
    .concat()
}

fn site_hosts_are_unique(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let hosts = deployment.sites.iter().map(|site| site.host.as_str().to_lowercase());
    twice("host name", hosts, |index| file.get("site").item(index).get("host"))
}

fn programs_are_unique(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    Role::ALL
        .into_iter()
        .filter_map(|role| Some((role, deployment.role.services(role)?)))
        .flat_map(|(role, services)| {
            let programs = file.get("role").get(role.as_str()).get("programs");
            twice("program", &services.programs, |index| programs.item(index))
        })
        .collect()
}

fn nothing_is_empty(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    [
        ("site", deployment.sites.len()),
        ("balancer", deployment.balancers.len()),
        ("fleet", deployment.fleets.len()),
        ("database", deployment.databases.len()),
    ]
    .into_iter()
    .filter(|(_, count)| *count == 0)
    .map(|(key, _)| Mistake::at(file.get(key), format!("there is no {key}"), format!("at least one [[{key}]] needed")))
    .collect()
}

/// A mistake for each repetition of a name.
fn twice<'a, T: Ord + Display>(
    what: &str,
    names: impl IntoIterator<Item = T>,
    node: impl Fn(usize) -> &'a Node,
) -> Vec<Mistake> {
    let mut seen = BTreeSet::new();
    let mut mistakes = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let message = format!("{what} `{name}` appears twice");
        if !seen.insert(name) {
            mistakes.push(Mistake::at(node(index), message, "already taken above"));
        }
    }
    mistakes
}
