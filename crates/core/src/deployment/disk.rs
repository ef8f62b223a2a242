//! Disks of instances.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A root disk, of new hosts or of an instance that an image is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootVolume {
    /// The device's name in the image, such as `/dev/sda1`.
    #[serde(default = "default_device")]
    pub device: String,
    /// Its size in GiB.
    #[schemars(range(min = 1, max = 16384))]
    pub size_gib: u32,
    /// Its type, such as `gp3`.
    #[serde(default = "default_kind")]
    pub kind: String,
    /// Whether it is encrypted.
    #[serde(default = "default_encrypted")]
    pub encrypted: bool,
}

fn default_device() -> String {
    "/dev/sda1".to_owned()
}

fn default_kind() -> String {
    "gp3".to_owned()
}

fn default_encrypted() -> bool {
    true
}
