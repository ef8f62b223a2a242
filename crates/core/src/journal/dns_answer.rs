//! Who answered what for the names of a change of records, and when: the evidence that visitors can have the new answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A server that was asked for names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsServer {
    /// One of the zone's own servers, by its name.
    NameServer(String),
    /// A recursive resolver, by its address.
    Resolver(std::net::IpAddr),
}

impl std::fmt::Display for DnsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NameServer(name) => write!(f, "name server {name}"),
            Self::Resolver(address) => write!(f, "resolver {address}"),
        }
    }
}

/// What a server answered for all names of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsAnswer {
    /// The server.
    pub by: DnsServer,
    /// When, by the upgrade's clock.
    pub at: Timestamp,
    /// The targets, each with the number of names that it was answered for; an empty one where there was no record.
    pub targets: BTreeMap<String, u32>,
    /// Whether all of them were the new ones.
    pub is_new: bool,
}

impl DnsAnswer {
    /// What was answered, in words: `d1.cloudfront.net (3 names)`.
    #[must_use]
    pub fn words(&self) -> String {
        let target = |target: &str| if target.is_empty() { "no record".to_owned() } else { target.to_owned() };
        let one = |(name, names): (&String, &u32)| match names {
            1 => target(name),
            names => format!("{} ({names} names)", target(name)),
        };
        let words = self.targets.iter().map(one).collect::<Vec<String>>().join(", ");
        if self.is_new { words } else { format!("{words}: not all of it new") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_each_target_once_and_says_if_something_is_old() {
        let answer = |targets: &[(&str, u32)], is_new| DnsAnswer {
            by: DnsServer::Resolver([9, 9, 9, 9].into()),
            at: Timestamp::UNIX_EPOCH,
            targets: targets.iter().map(|(target, names)| ((*target).to_owned(), *names)).collect(),
            is_new,
        };
        assert_eq!(answer(&[("page.example", 3)], true).words(), "page.example (3 names)");
        let old = answer(&[("", 1), ("page.example", 2)], false);
        assert_eq!(old.words(), "no record, page.example (2 names): not all of it new");
        assert_eq!(old.by.to_string(), "resolver 9.9.9.9");
    }
}
