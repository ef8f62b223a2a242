//! Names that AWS refuses, or that cannot be part of other names made from them.

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::{BalancerKind, Deployment};

pub(super) const RULES: &[Rule] = &[
    upgrade_names_fit_a_snapshot,
    versions_differ,
    short_names_fit_a_step,
    balancer_names_fit,
    database_names_fit,
    bucket_name_fits,
    tag_keys_are_not_reserved,
];

/// The names of deployment and release become part of snapshot identifiers, where AWS accepts only these characters.
fn upgrade_names_fit_a_snapshot(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let release = file.get("release");
    [
        (deployment.name.as_str(), file.get("name")),
        (&deployment.release.codename, release.get("codename")),
        (&deployment.release.version, release.get("version")),
        (&deployment.release.current_version, release.get("current_version")),
    ]
    .into_iter()
    .filter(|(name, _)| !fits(name, "-"))
    .map(|(name, node)| refused(node, name, "letters, digits and hyphens"))
    .collect()
}

fn versions_differ(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let release = &deployment.release;
    if release.version != release.current_version {
        return Vec::new();
    }
    let message = format!("the next and the current version are both `{}`", release.version);
    let mistake = Mistake::at(file.get("release").get("version"), message, "must differ from current_version");
    vec![mistake.help("it distinguishes current from next hosts")]
}

fn short_names_fit_a_step(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let sites = deployment.sites.iter().map(|site| site.name.as_str()).enumerate().map(|n| ("site", n));
    let fleets = deployment.fleets.iter().map(|fleet| fleet.name.as_str()).enumerate().map(|n| ("fleet", n));
    let gates = deployment.gates.iter().map(|gate| gate.name.as_str()).enumerate().map(|n| ("gate", n));
    let announcements = deployment.announcements.iter().map(|announcement| announcement.name.as_str());
    let announcements = announcements.enumerate().map(|n| ("announcement", n));
    sites
        .chain(fleets)
        .chain(gates)
        .chain(announcements)
        .filter(|(_, (_, name))| !fits(name, "-_"))
        .map(|(kind, (index, name))| {
            refused(file.get(kind).item(index).get("name"), name, "letters, digits, hyphens and underscores")
        })
        .collect()
}

fn balancer_names_fit(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, balancer) in deployment.balancers.iter().enumerate() {
        let node = file.get("balancer").item(index).get("name");
        let name = balancer.name.as_str();
        let kind = match balancer.kind {
            BalancerKind::Classic => "a classic ELB",
            BalancerKind::TargetGroup => "a target group",
        };
        let length = name.chars().count();
        if length > 32 {
            let message = format!("`{name}` has {length} characters, too many for the name of {kind}");
            mistakes.push(Mistake::at(node, message, "at most 32 characters"));
        }
        if !fits(name, "-") || name.starts_with('-') || name.ends_with('-') {
            mistakes.push(refused(node, name, "letters, digits and hyphens, with no hyphen at either end"));
        }
    }
    mistakes
}

fn database_names_fit(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let fits_rds = |name: &str| {
        let begins_well = name.starts_with(|first: char| first.is_ascii_alphabetic());
        fits(name, "-") && begins_well && !name.ends_with('-') && !name.contains("--") && name.len() <= 63
    };
    let allowed = "at most 63 letters, digits and single hyphens, beginning with a letter and not ending with a hyphen";
    let databases = deployment.databases.iter().map(|database| database.name.as_str()).enumerate();
    databases
        .filter(|(_, name)| !fits_rds(name))
        .map(|(index, name)| refused(file.get("database").item(index).get("name"), name, allowed))
        .collect()
}

fn bucket_name_fits(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let name = &deployment.maintenance_page.bucket;
    if is_bucket_name(name) { Vec::new() } else { vec![no_bucket(file.get("maintenance_page").get("bucket"), name)] }
}

/// Whether S3 accepts `name` as the name of a bucket.
pub(super) fn is_bucket_name(name: &str) -> bool {
    let upper = name.contains(|letter: char| letter.is_ascii_uppercase());
    let ends = name.starts_with(['.', '-']) || name.ends_with(['.', '-']) || name.contains("..");
    fits(name, ".-") && !upper && !ends && (3..=63).contains(&name.len())
}

/// The mistake for a bucket name that S3 does not accept.
pub(super) fn no_bucket(node: &Node, name: &str) -> Mistake {
    refused(node, name, "3 to 63 lower-case letters, digits, hyphens and dots")
}

fn tag_keys_are_not_reserved(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, fleet) in deployment.fleets.iter().enumerate() {
        for (role, group) in fleet.groups() {
            let tags = file.get("fleet").item(index).get(role.as_str()).get("tags");
            let reserved = group.tags.keys().filter(|key| key.to_lowercase().starts_with("aws:"));
            mistakes.extend(reserved.map(|key| {
                Mistake::at(tags.get(key), format!("AWS refuses the tag `{key}`"), "`aws:` is reserved for AWS")
            }));
        }
    }
    mistakes
}

/// Whether `name` consists only of ASCII letters, digits and `others`, and is not empty.
fn fits(name: &str, others: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter))
}

fn refused(node: &Node, name: &str, allowed: &str) -> Mistake {
    Mistake::at(node, format!("`{name}` cannot be a name here"), format!("allowed: {allowed}"))
}
