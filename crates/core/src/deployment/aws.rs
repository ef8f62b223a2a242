//! Settings that only AWS needs: which account and region, which credentials, and how hosts are launched there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Role, RootVolume};
use crate::shell;

/// The account that the deployment lives in. `cloud = "aws"` requires this section; all its keys are optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Aws {
    /// The region, such as `us-east-1`. Default: the profile's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The account's number. Credentials of any other account are refused before anything is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The profile of `~/.aws/config`: keys, SSO or a role to assume. Default: what the `aws` command would use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The EC2 key pair of new hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_pair: Option<String>,
    /// The root disk of new hosts. Default: the image's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_volume: Option<RootVolume>,
    /// The command that keeps services from starting on a host that must boot with its services stopped. The host's
    /// user data runs it once, at the first boot, before any service starts. Default: it turns supervisor's
    /// `autostart` off, which cutover sees at its first contact with the host, and turns on again when it starts the
    /// services. What another command does stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_services: Option<Vec<String>>,
    /// What the `role` tag says on hosts and images.
    pub role_tags: RoleTags,
}

impl Aws {
    /// The options with which the `aws` command reaches this account and region, each after a space.
    #[must_use]
    pub fn command_options(&self) -> String {
        let options = [("region", &self.region), ("profile", &self.profile)];
        let given = options.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        given.map(|(name, value)| format!(" --{name} {}", shell::quote(value))).collect()
    }
}

/// What the `role` tag says for each role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoleTags {
    /// On hosts that serve the sites.
    pub edxapp: String,
    /// On hosts that run background tasks.
    pub worker: String,
}

impl Default for RoleTags {
    fn default() -> Self {
        Self { edxapp: Role::Edxapp.as_str().to_owned(), worker: Role::Worker.as_str().to_owned() }
    }
}

impl RoleTags {
    /// What the tag says for `role`.
    #[must_use]
    pub fn of(&self, role: Role) -> &str {
        match role {
            Role::Edxapp => &self.edxapp,
            Role::Worker => &self.worker,
        }
    }
}

/// Whether `text` looks like a region: `us-east-1`, `eu-central-1`, `us-gov-west-1`. Only AWS knows whether such a
/// region exists.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., number] = parts.as_slice() else { return false };
    let letters = |part: &&str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_lowercase());
    let digits = number.chars().all(|digit| digit.is_ascii_digit()) && (1..=2).contains(&number.len());
    first.len() == 2 && letters(first) && (1..=2).contains(&middle.len()) && middle.iter().all(letters) && digits
}
