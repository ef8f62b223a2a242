//! Where the servers of a run listen: addresses of this computer on the network of the machines, far from theirs.

use std::collections::BTreeMap;

use cutover_rig::Machines;

/// The addresses of the servers.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    /// Two name servers.
    pub(super) names: [String; 2],
    /// The resolver of the operator and of visitors.
    pub(super) resolver: String,
    /// MariaDB.
    pub(super) database: String,
    /// Redis.
    pub(super) broker: String,
    /// What stands in for CloudFront.
    pub(super) edge: String,
    /// The server with the team's fork.
    pub(super) forge: String,
    /// The balancers, by their names.
    pub(super) balancers: BTreeMap<String, String>,
}

impl Addresses {
    /// Takes them.
    pub(super) fn take<'a>(machines: &Machines, balancers: impl Iterator<Item = &'a String>) -> Self {
        let mut numbers = 241..=254;
        let mut next = || machines.add_address(numbers.next().expect("there are not so many balancers"));
        Self {
            names: [next(), next()],
            resolver: next(),
            database: next(),
            broker: next(),
            edge: next(),
            forge: next(),
            balancers: balancers.map(|name| (name.clone(), next())).collect(),
        }
    }
}
