//! The release that the upgrade brings, and the one that runs now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The release that the upgrade brings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Open edX's code name of the release, such as `koa`.
    pub codename: String,
    /// The release-version tag of next hosts, such as `4`. It must differ from that of current hosts.
    pub version: String,
    /// The release-version tag of current hosts, such as `3`.
    pub current_version: String,
    /// The code name that current hosts run, such as `juniper`.
    pub current_codename: String,
    /// How many machine images of each role are kept after the upgrade, including the one in use.
    #[serde(default = "default_keep_images")]
    #[schemars(range(min = 1, max = 100))]
    pub keep_images: u32,
}

fn default_keep_images() -> u32 {
    3
}
