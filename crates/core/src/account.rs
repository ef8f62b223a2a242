//! What an upgrade needs from the account and does not create itself: the identity that acts, the network that hosts
//! are launched into, and the account's quotas.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The account at one moment. Only the preflight uses it: plans do not depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// The identity that acts, as the cloud names it, such as an ARN.
    pub identity: String,
    /// Those of the subnets used for launches that exist.
    pub subnets: BTreeMap<String, Subnet>,
    /// Those of the security groups used for launches that exist.
    pub security_groups: BTreeSet<String>,
    /// The quotas that the upgrade could reach.
    pub quotas: Vec<Quota>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Whether instances can be launched into it.
    pub available: bool,
    /// How many of its addresses are free.
    pub free_addresses: u64,
}

/// A quota of the account, and how much of it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Which part of the upgrade counts against it.
    pub met_by: MetBy,
    /// What is counted, such as `vCPUs of standard instances`.
    pub name: String,
    /// How many exist now.
    pub used: u64,
    /// How many there may be.
    pub limit: u64,
    /// How many more the upgrade creates at most.
    pub needed: u64,
}

/// Which part of an upgrade counts against a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetBy {
    /// Launching hosts.
    Launches,
    /// Taking snapshots of databases.
    Snapshots,
}
