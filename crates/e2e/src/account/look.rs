//! What the account has: what moto itself says, without the server in front of it.

use super::http::Request;
use super::{Moto, xml, zone};
use crate::effects::Served;

/// An instance that is not gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    /// Its id.
    pub id: String,
    /// Its tag `Name`.
    pub name: String,
    /// Its tag `release-version`.
    pub version: String,
}

/// An image of the account's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its name.
    pub name: String,
    /// Its tag `release-version`.
    pub version: String,
    /// Its tag `commit`.
    pub commit: String,
    /// The tags `commit` of its snapshots.
    pub snapshots: Vec<String>,
}

impl Moto {
    /// The instances that are not gone.
    ///
    /// # Panics
    /// When moto has ended.
    #[must_use]
    pub fn living(&self) -> Vec<Living> {
        let fields = [("Action", "DescribeInstances"), ("Version", "2016-11-15")];
        let listing = self.ask(&Request::query("ec2", &fields));
        // Each was launched alone.
        let instances = listing.split("<instancesSet>").skip(1);
        instances.filter(|text| text.contains("<name>running</name>")).map(living).collect()
    }

    /// The names of instances that are not gone and that images are built on.
    ///
    /// # Panics
    /// When moto has ended.
    #[must_use]
    pub fn builders(&self) -> Vec<String> {
        let fields = [("Action", "DescribeInstances"), ("Version", "2016-11-15")];
        let listing = self.ask(&Request::query("ec2", &fields));
        let instances = listing.split("<instancesSet>").skip(1);
        let is_one = |text: &&str| text.contains(BUILDER) && !text.contains("<name>terminated</name>");
        instances.filter(is_one).map(|text| tag(text, "Name")).collect()
    }

    /// The images that are there, with the commits that their tags name.
    ///
    /// # Panics
    /// When moto has ended.
    #[must_use]
    pub fn made(&self) -> Vec<Made> {
        let ids = xml::all(&self.described("Owner.1", "self"), "imageId");
        let made = |id: &String| {
            let text = self.described("ImageId.1", id);
            Made {
                name: xml::first(&text, "name").unwrap_or_default(),
                version: tag(&text, "release-version"),
                commit: tag(&text, "commit"),
                snapshots: xml::all(&text, "snapshotId").iter().map(|snapshot| self.commit_of(snapshot)).collect(),
            }
        };
        ids.iter().map(made).collect()
    }

    /// The listing of images that are chosen so.
    fn described(&self, field: &str, value: &str) -> String {
        self.ask(&Request::query("ec2", &[("Action", "DescribeImages"), ("Version", "2016-11-15"), (field, value)]))
    }

    fn commit_of(&self, snapshot: &str) -> String {
        let fields = [("Action", "DescribeSnapshots"), ("Version", "2016-11-15"), ("SnapshotId.1", snapshot)];
        tag(&self.ask(&Request::query("ec2", &fields)), "commit")
    }

    /// The records of the zone.
    ///
    /// # Panics
    /// When moto has ended.
    #[must_use]
    pub fn records(&self) -> Vec<Served> {
        let listing = self.ask(&Request::get("route53", &format!("/2013-04-01{}/rrset", self.facts().zone)));
        zone::listed(&listing)
    }

    /// The names of the images that are there.
    ///
    /// # Panics
    /// When moto has ended.
    #[must_use]
    pub fn images(&self) -> Vec<String> {
        xml::all(&self.described("Owner.1", "self"), "name")
    }

    /// The object of that key in a bucket; nothing if it has none.
    ///
    /// # Panics
    /// When moto has ended.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<String> {
        let answer = Request::get("s3", &format!("/{bucket}/{key}")).forward(self.address()).expect("moto answers");
        (answer.status() == 200).then(|| answer.text())
    }

    fn ask(&self, request: &Request) -> String {
        let answer = request.forward(self.address()).expect("moto answers");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.text()
    }

    fn address(&self) -> &str {
        self.facts().endpoint.trim_start_matches("http://")
    }
}

/// The key of a tag of instances that images are built on, as a listing has it.
const BUILDER: &str = "<key>cutover-build</key>";

/// The value of the first tag of that key.
fn tag(text: &str, key: &str) -> String {
    let after = text.split_once(&format!("<key>{key}</key>")).map(|(_, after)| after);
    after.and_then(|after| xml::first(after, "value")).unwrap_or_default()
}

fn living(text: &str) -> Living {
    let id = xml::first(text, "instanceId").unwrap_or_default();
    Living { id, name: tag(text, "Name"), version: tag(text, "release-version") }
}
