//! The tags by which hosts and images are known, and the filters that find them.

use std::collections::BTreeMap;

use cutover_core::deployment::{Deployment, Role};

use crate::operations::ec2::{Filter, NewTag, Tag};

/// The deployment that something belongs to.
pub(super) const ENVIRONMENT: &str = "environment";
/// The fleet of a host.
pub(super) const PURPOSE: &str = "purpose";
/// What a host or an image is for.
pub(super) const ROLE: &str = "role";
/// The code name of the release.
pub(super) const CODENAME: &str = "edx_codename";
/// The release-version.
pub(super) const VERSION: &str = "release-version";
/// The upgrade that made it.
pub(super) const UPGRADE: &str = "cutover-upgrade";
/// The commit baked into an image.
pub(super) const COMMIT: &str = "commit";
/// The name that a host goes by.
pub(super) const NAME: &str = "Name";

/// What is tagged with the deployment, in one of its roles. Other machines of the environment have other roles.
pub(super) fn of_deployment(deployment: &Deployment) -> Vec<Filter> {
    let roles = Role::ALL.map(|role| deployment.role_tag(role).to_owned());
    vec![
        Filter { name: format!("tag:{ENVIRONMENT}"), values: vec![deployment.name.to_string()] },
        Filter { name: format!("tag:{ROLE}"), values: roles.to_vec() },
    ]
}

/// The role for which a host's or image's tag says `value`.
pub(super) fn role(deployment: &Deployment, value: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| deployment.role_tag(*role) == value)
}

/// Whether tags say that something belongs to the deployment: what [`of_deployment`] finds, told of one thing.
pub(super) fn belongs(deployment: &Deployment, tags: &[Tag]) -> bool {
    let ours = tag(tags, ENVIRONMENT) == Some(deployment.name.as_str());
    ours && tag(tags, ROLE).is_some_and(|value| role(deployment, value).is_some())
}

/// The tags that decide whom something belongs to, in words.
pub(super) fn claimed(tags: &[Tag]) -> String {
    let say = |key| tag(tags, key).map_or_else(|| format!("no tag {key}"), |value| format!("{key}={value}"));
    format!("{} and {}", say(ENVIRONMENT), say(ROLE))
}

/// The value of a tag.
pub(super) fn tag<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
}

/// Tags to put on something.
pub(super) fn new_tags(tags: &BTreeMap<String, String>) -> Vec<NewTag> {
    tags.iter().map(|(key, value)| NewTag { key: key.clone(), value: value.clone() }).collect()
}
