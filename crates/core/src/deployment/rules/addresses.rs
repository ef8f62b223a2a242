//! Addresses: where announcements go, where the state lives, host names and paths.

use super::Rule;
use crate::deployment::Deployment;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;

pub(super) const RULES: &[Rule] =
    &[announcements_go_by_mail, state_lives_in_a_folder, host_names_are_host_names, check_paths_are_absolute];

fn announcements_go_by_mail(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let is_mail = |to: &str| to.strip_prefix("mailto:").is_some_and(|address| address.contains('@'));
    let others = deployment.announcements.iter().enumerate().filter(|(_, announcement)| !is_mail(&announcement.to));
    others
        .map(|(index, announcement)| {
            let message = format!("cutover cannot send to `{}`", announcement.to);
            let label = "write for example \"mailto:3down@mit.edu\"";
            let mistake = Mistake::at(file.get("announcement").item(index).get("to"), message, label);
            if announcement.to.contains('@') && !announcement.to.contains(':') {
                mistake.help(format!("did you mean \"mailto:{}\"?", announcement.to))
            } else {
                mistake
            }
        })
        .collect()
}

/// A location in a bucket is checked by the rules for AWS.
fn state_lives_in_a_folder(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let location = &deployment.state.location;
    let node = file.get("state").get("location");
    if location.contains("://") && !location.starts_with("s3://") {
        let message = format!("cutover cannot keep its state in `{location}`");
        return vec![Mistake::at(node, message, "write a folder, such as \"./state\"")];
    }
    if location.trim().is_empty() {
        return vec![Mistake::at(node, "the state has no location", "write a folder, such as \"./state\"")];
    }
    Vec::new()
}

fn host_names_are_host_names(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let sites = deployment.sites.iter().enumerate();
    let sites = sites.map(|(index, site)| (&site.host, file.get("site").item(index).get("host")));
    let balancers = deployment.balancers.iter().enumerate();
    let balancers = balancers.map(|(index, one)| (&one.domain, file.get("balancer").item(index).get("domain")));
    let page = (&deployment.maintenance_page.domain, file.get("maintenance_page").get("domain"));
    sites
        .chain(balancers)
        .chain(std::iter::once(page))
        .filter(|(name, _)| !is_host_name(name.as_str()))
        .map(|(name, node)| {
            let message = format!("`{name}` is not a host name");
            Mistake::at(node, message, "write for example \"lms.mitx.mit.edu\", without a trailing dot")
        })
        .collect()
}

fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        let characters = label.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
        characters && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

fn check_paths_are_absolute(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, site) in deployment.sites.iter().enumerate() {
        let checks = file.get("site").item(index).get("check");
        for (nth, check) in site.checks.iter().enumerate().filter(|(_, check)| !check.path.starts_with('/')) {
            let message = format!("`{}` is not a path", check.path);
            mistakes.push(Mistake::at(checks.item(nth).get("path"), message, "must begin with /"));
        }
    }
    mistakes
}
