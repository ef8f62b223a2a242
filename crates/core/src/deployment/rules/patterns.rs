//! Placeholders in patterns and texts, and the names that the patterns make.

use std::collections::BTreeMap;

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::{Mistake, list};
use crate::deployment::site_check::PLACEHOLDERS;
use crate::deployment::{Deployment, Role};

pub(super) const RULES: &[Rule] = &[
    host_patterns_are_complete,
    host_names_are_unique,
    image_patterns_are_complete,
    texts_have_known_placeholders,
    checks_have_known_placeholders,
];

fn host_patterns_are_complete(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, fleet) in deployment.fleets.iter().enumerate() {
        for (role, group) in fleet.groups() {
            let node = file.get("fleet").item(index).get(role.as_str()).get("host_name");
            mistakes.extend(unknown(node, &group.host_name, &["deployment", "fleet", "n", "version"]));
            mistakes.extend(lacking(node, &group.host_name, "n", "every host of the group would have one name"));
            mistakes.extend(lacking(node, &group.host_name, "version", "current and next hosts would have one name"));
        }
    }
    mistakes
}

/// Makes every name, because comparing patterns is not enough: `edx{n}{version}` collides only with itself.
fn host_names_are_unique(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut owners = BTreeMap::new();
    for (index, fleet) in deployment.fleets.iter().enumerate() {
        for (role, group) in fleet.groups() {
            let owner = format!("{role} hosts of fleet `{}`", fleet.name);
            let node = file.get("fleet").item(index).get(role.as_str()).get("host_name");
            // Other rules report these.
            let fleet_named_twice = deployment.fleets[..index].iter().any(|earlier| earlier.name == fleet.name);
            if fleet_named_twice || !group.host_name.contains("{n}") || !group.host_name.contains("{version}") {
                continue;
            }
            let current = (group.current_count.unwrap_or(group.count), &deployment.release.current_version);
            let next = (group.count, &deployment.release.version);
            let numbered =
                [current, next].into_iter().flat_map(|(count, version)| (0..count).map(move |n| (n, version)));
            let taken = numbered
                .filter(|_| deployment.release.version != deployment.release.current_version)
                .map(|(n, version)| group.host_name(deployment.name.as_str(), &fleet.name, n, version))
                .filter_map(|name| Some((owners.insert(name.clone(), owner.clone())?, name)))
                .next();
            if let Some((other, name)) = taken {
                let message = format!("two hosts would be called `{name}`");
                let (label, help) = if other == owner {
                    ("this pattern makes it twice".to_owned(), "put something between {n} and {version}")
                } else {
                    (format!("the {other} have the same name"), "put {fleet}, or a word for the role, in it")
                };
                mistakes.push(Mistake::at(node, message, label).help(help));
            }
        }
    }
    mistakes
}

fn image_patterns_are_complete(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for role in Role::ALL {
        let Some(services) = deployment.role.services(role) else { continue };
        let node = file.get("role").get(role.as_str()).get("image").get("name");
        mistakes.extend(unknown(node, &services.image.name, &["deployment", "codename", "n"]));
        mistakes.extend(lacking(node, &services.image.name, "n", "a second build would have the first one's name"));
        let same = role == Role::Worker && services.image.name == deployment.role.edxapp.image.name;
        if same {
            let message = "images of both roles would have the same name";
            mistakes.push(Mistake::at(node, message, "must differ from role.edxapp.image.name"));
        }
    }
    mistakes
}

fn texts_have_known_placeholders(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let known = ["start", "end", "length", "sites"];
    let page = unknown(file.get("maintenance_page").get("text"), &deployment.maintenance_page.text, &known);
    let announcements = deployment.announcements.iter().enumerate().flat_map(|(index, announcement)| {
        unknown(file.get("announcement").item(index).get("text"), &announcement.text, &known)
    });
    page.into_iter().chain(announcements).collect()
}

fn checks_have_known_placeholders(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let checks = deployment.sites.iter().enumerate().flat_map(|(index, site)| {
        let node = file.get("site").item(index).get("check");
        site.checks.iter().enumerate().map(move |(nth, check)| (node.item(nth).get("contains"), check))
    });
    let texts = checks.filter_map(|(node, check)| Some((node, check.contains.as_deref()?)));
    texts.flat_map(|(node, text)| unknown(node, text, &PLACEHOLDERS)).collect()
}

/// A mistake for each placeholder in `text` that nothing fills in.
pub(super) fn unknown(node: &Node, text: &str, known: &[&str]) -> Vec<Mistake> {
    placeholders(text)
        .filter(|name| !known.contains(name))
        .map(|name| {
            let label = format!("allowed: {}", list(known.iter().map(|word| format!("{{{word}}}")), "or"));
            Mistake::at(node, format!("nothing fills in `{{{name}}}`"), label).suggest(name, known)
        })
        .collect()
}

pub(super) fn lacking(node: &Node, pattern: &str, name: &str, why: &str) -> Option<Mistake> {
    let lacks = !pattern.contains(&format!("{{{name}}}"));
    lacks.then(|| Mistake::at(node, format!("the pattern lacks `{{{name}}}`"), why))
}

/// The words in braces. Braces around anything else, as in a style sheet, are ordinary text.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    let is_word =
        |inner: &&str| !inner.is_empty() && inner.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    text.split('{').skip(1).filter_map(|after| after.split_once('}')).map(|(inner, _)| inner).filter(is_word)
}
