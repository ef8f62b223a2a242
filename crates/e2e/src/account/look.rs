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
        let fields = [("Action", "DescribeImages"), ("Version", "2016-11-15"), ("Owner.1", "self")];
        xml::all(&self.ask(&Request::query("ec2", &fields)), "name")
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

fn living(text: &str) -> Living {
    let tag = |key: &str| {
        let after = text.split_once(&format!("<key>{key}</key>")).map(|(_, after)| after);
        after.and_then(|after| xml::first(after, "value")).unwrap_or_default()
    };
    let id = xml::first(text, "instanceId").unwrap_or_default();
    Living { id, name: tag("Name"), version: tag("release-version") }
}
