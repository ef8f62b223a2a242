//! The tags by which hosts and images are found, and the filters for them.

use std::collections::BTreeMap;

use cutover_core::deployment::{Role, RoleTags};
use cutover_core::names::DeploymentName;

use crate::operations::ec2::{Filter, NewTag, Tag, TagSpecification};

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
/// The commit that an image contains.
pub(super) const COMMIT: &str = "commit";
/// The name of the image that is built on an instance.
pub(super) const BUILD: &str = "cutover-build";
/// The token that an instance on which an image is built was launched with.
pub(super) const BUILD_TOKEN: &str = "cutover-build-token";
/// The name that a host goes by.
pub(super) const NAME: &str = "Name";

/// The deployment that hosts and images belong to, as their tags say it.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// Its name.
    pub(crate) deployment: DeploymentName,
    /// What the tag says for each role.
    pub(crate) role_tags: RoleTags,
}

impl Owner {
    /// Filters for what is tagged with the deployment and one of its roles. Other machines of the environment have
    /// other roles.
    pub(super) fn filters(&self) -> Vec<Filter> {
        let roles = Role::ALL.map(|role| self.role_tags.of(role).to_owned());
        vec![
            Filter { name: format!("tag:{ENVIRONMENT}"), values: vec![self.deployment.to_string()] },
            Filter { name: format!("tag:{ROLE}"), values: roles.to_vec() },
        ]
    }

    /// The role that these tags give a host or an image, if it is one of ours.
    pub(super) fn role(&self, tags: &[Tag]) -> Option<Role> {
        let value = tag(tags, ROLE)?;
        Role::ALL.into_iter().find(|role| self.role_tags.of(*role) == value)
    }

    /// Whether tags say that something belongs to the deployment: what [`Self::filters`] finds, asked of one thing.
    pub(super) fn owns(&self, tags: &[Tag]) -> bool {
        tag(tags, ENVIRONMENT) == Some(self.deployment.as_str()) && self.role(tags).is_some()
    }
}

/// The tags that decide whom something belongs to, as text.
pub(super) fn claimed(tags: &[Tag]) -> String {
    let say = |key| tag(tags, key).map_or_else(|| format!("no tag {key}"), |value| format!("{key}={value}"));
    format!("{} and {}", say(ENVIRONMENT), say(ROLE))
}

/// The value of a tag.
pub(super) fn tag<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
}

/// Tags for one kind of what is created, such as `instance`.
pub(super) fn specification(kind: &str, tags: &BTreeMap<String, String>) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| NewTag { key: key.clone(), value: value.clone() }).collect();
    TagSpecification { resource_type: kind.to_owned(), tags }
}
