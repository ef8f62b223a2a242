//! How hosts are reached over SSH.

use std::path::Path;
use std::time::Duration;

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::ssh::NAME;
use crate::deployment::{Deployment, HostAddress};

pub(super) const RULES: &[Rule] = &[
    addresses_tell_hosts_apart,
    words_are_not_empty,
    the_user_is_a_name,
    jobs_have_an_absolute_folder,
    jobs_are_kept_through_a_restart,
    connections_have_a_limit,
];

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

/// Jump hosts belong into the SSH configuration: `user` is who signs in to the host itself.
fn the_user_is_a_name(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let is_odd = |letter: char| letter.is_whitespace() || "@:/".contains(letter);
    let Some(user) = deployment.ssh.user.as_ref().filter(|user| !user.trim().is_empty() && user.contains(is_odd))
    else {
        return Vec::new();
    };
    let mistake =
        Mistake::at(file.get("ssh").get("user"), format!("`{user}` is not a user"), "a name, such as \"ubuntu\"");
    vec![mistake.help("a jump host is named by `ProxyJump` in the SSH configuration")]
}

/// Folders that are emptied when a host boots. What is on record of jobs would be lost with them.
const EMPTIED_AT_BOOT: [&str; 4] = ["/run", "/var/run", "/tmp", "/dev"];

fn jobs_are_kept_through_a_restart(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let folder = Path::new(&deployment.ssh.job_folder);
    let Some(emptied) = EMPTIED_AT_BOOT.into_iter().find(|emptied| folder.starts_with(emptied)) else {
        return Vec::new();
    };
    let message = format!("what is in {emptied} is lost when a host boots, and with it what is on record of jobs");
    vec![Mistake::at(file.get("ssh").get("job_folder"), message, "write for example \"/var/lib/cutover\"")]
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
