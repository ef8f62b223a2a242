//! Machine images, from which next hosts are launched.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RootVolume;
use crate::time::Span;

/// How the machine image of a role is named and built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The pattern of image names; `{deployment}`, `{codename}` and `{n}` (a running number) are filled in.
    pub name: String,
    /// The image to start from: an id such as `ami-0abc`, the path of a public parameter of Systems Manager, which begins with
    /// `/aws/service/`, or the pattern of a name, of which the newest image of `base_owner` is taken.
    pub base: String,
    /// Whose images the pattern in `base` is about: an account's number, `self`, `amazon` or `aws-marketplace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_owner: Option<String>,
    /// The repository of the code that the image contains.
    pub repository: String,
    /// The branch of the code that the image contains, such as `mitx/koa`.
    pub branch: String,
    /// How long a build usually takes.
    pub expected: Span,
    /// How long a build may take.
    pub limit: Span,
    /// The instance on which cutover builds the image. Without it, the image has to be built by other means, with the name and
    /// the tags that cutover says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<Builder>,
    /// The Packer template with which cutover builds the image instead, on the machine where it runs itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packer: Option<Packer>,
}

/// An instance on which cutover builds an image: it is launched from the base image, runs commands, is cleared of what belongs to
/// one host only, stopped, and made an image of. It is terminated afterwards, and whenever a build fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Builder {
    /// The EC2 instance type, such as `m5.xlarge`.
    pub instance_type: String,
    /// The subnet.
    pub subnet: String,
    /// The security groups.
    #[schemars(length(min = 1))]
    pub security_groups: Vec<String>,
    /// The IAM instance profile, if the commands need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The root disk, which is the image's, too. Default: the base image's own. An encrypted one makes the image encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_volume: Option<RootVolume>,
    /// The commands that install everything, each a list. root runs them one after the other until one fails. `{repository}`,
    /// `{branch}`, `{commit}`, `{codename}`, `{version}` and `{deployment}` are filled in. They must not contain secrets.
    #[schemars(length(min = 1))]
    pub provision: Vec<Vec<String>>,
    /// Files and folders that belong to one host only, such as `/etc/salt/minion_id` or the keys of agents. They are removed before
    /// the image is made, as are the machine id, the host keys of SSH, and what cloud-init knows of the instance. The hosts of the
    /// image are compared when they are smoke-tested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<String>,
}

/// A Packer template of the team, from which cutover builds an image. Packer runs on the machine where cutover runs, and goes on
/// without it. The template gets its variables from cutover, such as `image_name`, `base_image` and `commit`, and sets the tag
/// `cutover-build-token`, by which what it has made is found again: `examples/packer` shows how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Packer {
    /// The template: a file, or a folder of files in HCL2. A relative path starts at the folder of the deployment file, where
    /// Packer runs, too.
    pub template: String,
    /// The one builder of the template that is used, if it has several, by the name that `packer inspect` prints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// Packer itself: a path, or a name that is looked for on PATH.
    #[serde(default = "packer_on_path", skip_serializing_if = "is_packer_on_path")]
    pub program: String,
    /// Variables of the template that are the team's own. They must not contain secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Files and folders that each host must have of its own, such as the keys of agents. The hosts of an image are compared when
    /// they are smoke-tested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<String>,
}

fn packer_on_path() -> String {
    "packer".to_owned()
}

fn is_packer_on_path(program: &String) -> bool {
    *program == packer_on_path()
}

/// What `base` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base<'a> {
    /// This image.
    Id(&'a str),
    /// The image whose id is the value of this public parameter.
    Parameter(&'a str),
    /// The newest image with such a name.
    Newest {
        /// The pattern of the name, with `*` and `?`.
        name: &'a str,
        /// Whose it is. The rules refuse a file without it where cutover builds.
        owner: &'a str,
    },
}

impl Image {
    /// Whether cutover builds the image itself.
    #[must_use]
    pub const fn is_built_here(&self) -> bool {
        self.builder.is_some() || self.packer.is_some()
    }

    /// The paths that each host of the image must have of its own, if cutover builds the image.
    #[must_use]
    pub fn identity(&self) -> Option<&[String]> {
        let of_builder = self.builder.as_ref().map(|builder| builder.identity.as_slice());
        of_builder.or_else(|| self.packer.as_ref().map(|packer| packer.identity.as_slice()))
    }

    /// What the image is made from.
    #[must_use]
    pub fn base(&self) -> Base<'_> {
        match self.base.as_str() {
            id if id.starts_with("ami-") => Base::Id(id),
            path if path.starts_with('/') => Base::Parameter(path),
            name => Base::Newest { name, owner: self.base_owner.as_deref().unwrap_or_default() },
        }
    }
}

/// What is filled in in the commands of a builder.
pub(crate) const BUILD_PLACEHOLDERS: [&str; 6] =
    ["repository", "branch", "commit", "codename", "version", "deployment"];

/// The variables of a template that cutover gives, besides a tag each (`tags`, or in JSON `tag_NAME`).
pub const PACKER_VARIABLES: [&str; 10] = [
    "cutover_build",
    "image_name",
    "base_image",
    "region",
    "release",
    "version",
    "repository",
    "branch",
    "commit",
    "manifest",
];
