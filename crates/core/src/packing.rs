//! Builds by Packer, as they are seen: what has come of one, and what it has left behind.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{ImageId, InstanceId};

/// What has come of a build by Packer, as far as the machine where cutover runs can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackerBuild {
    /// Whether it runs.
    pub state: PackerState,
    /// The last lines that people would see, oldest first.
    pub lines: Vec<String>,
    /// How many lines were printed before them.
    pub before: u64,
    /// Why it has failed, if its output tells, and what to do about it.
    pub failure: Option<(String, String)>,
    /// What it says that it has made in the account.
    pub made: PackerMade,
}

/// Whether Packer runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackerState {
    /// Nothing was started here.
    None,
    /// It runs.
    Running,
    /// It has ended with this exit status.
    Ended(i32),
    /// It was killed, with all that it had started, or the machine was restarted.
    Died,
    /// It was started on another machine, which shares this folder. Only that one can tell whether it runs.
    Elsewhere {
        /// What people call that machine.
        host: String,
    },
}

/// What Packer says that it has made on the way, besides a finished image. It removes all of it, unless it is killed or refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackerMade {
    /// The instances that it builds on.
    pub instances: BTreeSet<InstanceId>,
    /// Key pairs, by name.
    pub key_pairs: BTreeSet<String>,
    /// Security groups, by name.
    pub security_groups: BTreeSet<String>,
    /// Images whose making has begun.
    pub images: BTreeSet<ImageId>,
}

/// Something that a build by Packer has left behind in the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackerRest {
    /// An instance that lives.
    Instance(InstanceId),
    /// An instance that is being terminated. Its key pair and its group wait for it.
    Ending(InstanceId),
    /// An image that was not finished, or whose build has failed after it.
    Image(ImageId),
    /// A key pair, by name.
    KeyPair(String),
    /// A security group.
    SecurityGroup {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
}

impl fmt::Display for PackerRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(id) | Self::Ending(id) => write!(f, "instance {id}"),
            Self::Image(id) => write!(f, "image {id}"),
            Self::KeyPair(name) => write!(f, "key pair {name}"),
            Self::SecurityGroup { id, name } => write!(f, "security group {name} ({id})"),
        }
    }
}

/// The machine where cutover runs, on which Packer runs, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackerMachine {
    /// What tells it from others.
    pub id: String,
    /// What people call it.
    pub host: String,
}
