//! What happens in the world when something is written to the account, and what the world says of it.
//!
//! moto keeps what was written and answers for it; whoever implements this makes it true.

use std::collections::BTreeMap;

/// An instance as it is launched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Its id, such as `i-0123456789abcdef0`.
    pub instance: String,
    /// The image that it boots from, such as `ami-0123456789abcdef0`.
    pub image: String,
    /// The private address that the account has given to it.
    pub address: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its user data, decoded; empty if it has none.
    pub user_data: String,
}

/// A record of the zone, as it is served from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The full name, with the dot at its end.
    pub name: String,
    /// Such as `CNAME` or `TXT`.
    pub kind: String,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// Its values in the form of a zone file; none if the record is removed.
    pub values: Vec<String>,
}

/// What a balancer thinks of a host that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It has not been checked often enough yet.
    Registering,
    /// Visitors are sent to it.
    InService,
    /// Its checks fail.
    OutOfService,
    /// It gets no new visitors, and those that it has may finish.
    Draining,
}

/// What the account's writes do.
pub trait Effects: Send + Sync {
    /// A host begins to boot. Its host keys are the answer, as its console prints them: a line `ssh-ed25519 ...` for each.
    ///
    /// # Errors
    /// Why it cannot boot, in the words of EC2's refusal.
    fn launch(&self, launch: &Launch) -> Result<Vec<String>, String>;
    /// Whether a host has booted, which EC2's status checks tell.
    fn has_booted(&self, instance: &str) -> bool;
    /// A host goes down, and stays as it is. Returns once it is down.
    fn stop(&self, instance: &str);
    /// What a host that is down has on its disk is kept as an image, from which others boot.
    ///
    /// # Errors
    /// Why it cannot be, in the words of EC2's refusal.
    fn make_image(&self, instance: &str, image: &str) -> Result<(), String>;
    /// A host is gone for good.
    fn terminate(&self, instance: &str);
    /// A balancer sends visitors to hosts once its checks pass.
    fn register(&self, balancer: &str, instances: &[String]);
    /// A balancer sends no new visitors to hosts.
    fn deregister(&self, balancer: &str, instances: &[String]);
    /// The hosts of a balancer, by its own checks.
    fn members(&self, balancer: &str) -> Vec<(String, Health)>;
    /// The zone's name servers are told of records. All of them change at the same time.
    fn serve(&self, records: &[Served]);
    /// Whether all name servers answer with these records.
    fn is_served(&self, records: &[Served]) -> bool;
}
