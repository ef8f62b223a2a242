//! How hosts are reached over SSH.

use std::time::Duration;

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::ssh::NAME;
use crate::deployment::{Deployment, HostAddress};

pub(super) const RULES: &[Rule] =
    &[addresses_tell_hosts_apart, words_are_not_empty, jobs_have_an_absolute_folder, connections_have_a_limit];

/// A host that does not answer must not hold a window for longer than this.
const LONGEST_CONNECT: Duration = Duration::from_secs(60);

fn addresses_tell_hosts_apart(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let HostAddress::Pattern(pattern) = &deployment.ssh.address else { return Vec::new() };
    if pattern.contains(NAME) && !pattern.starts_with('-') && !pattern.contains(char::is_whitespace) {
        return Vec::new();
    }
    let message = format!("`{pattern}` does not say how a host is reached");
    let mistake = Mistake::at(file.get("ssh").get("address"), message, "write \"private\" or \"public\"");
    vec![mistake.help(format!("or a pattern with the name of the host, such as \"{NAME}.example.org\""))]
}

fn words_are_not_empty(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let ssh = &deployment.ssh;
    [("user", &ssh.user), ("config", &ssh.config), ("known_hosts", &ssh.known_hosts)]
        .into_iter()
        .filter(|(_, word)| word.as_ref().is_some_and(|word| word.trim().is_empty() || word.starts_with('-')))
        .map(|(key, _)| {
            let message = format!("`ssh.{key}` is not usable");
            Mistake::at(file.get("ssh").get(key), message, "leave it out to use your own SSH configuration")
        })
        .collect()
}

fn jobs_have_an_absolute_folder(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let folder = &deployment.ssh.job_folder;
    let is_one = folder.len() > 1 && folder.starts_with('/') && !folder.contains("..") && !folder.contains('\n');
    if is_one {
        return Vec::new();
    }
    let message = format!("`{folder}` is not a folder of its own on a host");
    vec![Mistake::at(file.get("ssh").get("job_folder"), message, "write for example \"/var/lib/cutover\"")]
}

fn connections_have_a_limit(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let limit = deployment.ssh.connect_timeout.duration();
    if (Duration::from_secs(1)..=LONGEST_CONNECT).contains(&limit) {
        return Vec::new();
    }
    let message = "connecting to a host may take between 1 second and 1 minute";
    vec![Mistake::at(file.get("ssh").get("connect_timeout"), message, "write for example \"10s\"")]
}
