//! What an upgrade needs of the account that it does not make itself: who acts there, the network that hosts are
//! launched into, and how much the account may still have.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The account at one moment. Only the preflight looks at it: plans do not depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Who acts, in the cloud's own words, such as an ARN.
    pub identity: String,
    /// The subnets that exist, of those that hosts are launched into.
    pub subnets: BTreeMap<String, Subnet>,
    /// The security groups that exist, of those that hosts are launched with.
    pub security_groups: BTreeSet<String>,
    /// The quotas that the upgrade could meet.
    pub quotas: Vec<Quota>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Whether instances can be launched into it.
    pub available: bool,
    /// Its free addresses.
    pub free_addresses: u64,
}

/// How much of something the account may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// What of the upgrade meets it.
    pub met_by: MetBy,
    /// What is counted, such as `vCPUs of standard instances`.
    pub name: String,
    /// How many there are.
    pub used: u64,
    /// How many there may be.
    pub limit: u64,
    /// How many more the upgrade makes at most, beside what there is.
    pub needed: u64,
}

/// What of an upgrade meets a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetBy {
    /// Launching hosts.
    Launches,
    /// Taking snapshots of databases.
    Snapshots,
}
