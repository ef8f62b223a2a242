//! What Packer has made in the account, from the words with which it says so (recorded from 1.6.6; the words of the amazon
//! plugin 1.8, which comes after it, are the same).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// An image, in one region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Image {
    /// Such as `us-east-1`.
    pub region: String,
    /// Such as `ami-0123456789abcdef0`.
    pub id: String,
}

impl Image {
    /// Reads the id of an artifact: `REGION:ID`, several of them with commas between. What is no image is left out.
    pub(crate) fn of_artifact(id: &str) -> impl Iterator<Item = Self> {
        let both = id.split(',').filter_map(|one| one.trim().split_once(':'));
        both.filter(|(_, id)| id.starts_with("ami-"))
            .map(|(region, id)| Self { region: region.to_owned(), id: id.to_owned() })
    }
}

/// What Packer says that it has made. Whether it is still there, only the account can tell: Packer removes all but images and
/// their snapshots at its end, unless it is killed or AWS refuses. Whoever removes it first makes sure that it is the build's:
/// an instance has the tag [`TAG`](crate::TAG), and a key pair or group has a name that Packer has made up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The instances that it builds on: `i-0123456789abcdef0`.
    pub instances: BTreeSet<String>,
    /// Key pairs, by name: `packer_...`.
    pub key_pairs: BTreeSet<String>,
    /// Security groups, by name: `packer_...`. Packer does not print their ids.
    pub security_groups: BTreeSet<String>,
    /// Images whose making has begun: `ami-0123456789abcdef0`. They may be pending, or have failed.
    pub images: BTreeSet<String>,
    /// Snapshots: `snap-0123456789abcdef0`.
    pub snapshots: BTreeSet<String>,
    /// Launch templates of spot instances: `lt-0123456789abcdef0`.
    pub launch_templates: BTreeSet<String>,
}

impl Made {
    /// Whether it has made nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Learns from what a builder says about itself. What its provisioners print comes in the same way, so that only whole
    /// texts count, only names of the right form, and before a builder's instance is launched or after it was.
    pub(super) fn learn(&mut self, text: &str, is_launched: bool) {
        let Some((is_made_later, set, name)) = self.place(text) else { return };
        let is_name = !name.is_empty() && name.len() <= 255 && !name.contains(char::is_whitespace);
        if is_name && is_made_later == is_launched {
            set.insert(name.to_owned());
        }
    }

    /// What a text says was made: whether that is done after the launch, where it is kept, and its name.
    fn place<'a>(&mut self, text: &'a str) -> Option<(bool, &mut BTreeSet<String>, &'a str)> {
        let (what, name) = text.split_once(": ")?;
        match what {
            "Creating temporary keypair" => Some((false, &mut self.key_pairs, name)),
            "Creating temporary security group for this instance" => Some((false, &mut self.security_groups, name)),
            "Created Spot Fleet launch template" => Some((false, &mut self.launch_templates, numbered("lt-", name)?)),
            "Instance ID" => Some((false, &mut self.instances, numbered("i-", name)?)),
            "AMI" => Some((true, &mut self.images, numbered("ami-", name)?)),
            "Tagging snapshot" => Some((true, &mut self.snapshots, numbered("snap-", name)?)),
            _ => None,
        }
    }
}

/// The id, if it has this form.
fn numbered<'a>(prefix: &str, id: &'a str) -> Option<&'a str> {
    let digits = id.strip_prefix(prefix)?;
    let is_id = (8..=17).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(id)
}
