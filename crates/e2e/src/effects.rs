//! What happens in the world when something is written to the account, and what the world says of it.
//!
//! moto keeps what was written and answers for it; whoever implements this makes it true.

/// An instance as it is launched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Its id, such as `i-0123456789abcdef0`.
    pub instance: String,
    /// The private address that the account has given to it.
    pub address: String,
    /// The image that it boots.
    pub image: String,
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

/// What the account's writes do.
pub trait Effects: Send + Sync {
    /// A host boots. Its host keys are in the answer, as its console prints them: one line of `ssh-ed25519 ...` for each.
    fn launch(&self, launch: &Launch) -> Vec<String>;
    /// A host is gone for good.
    fn terminate(&self, instance: &str);
    /// A balancer sends visitors to a host, or does not any more.
    fn balance(&self, balancer: &str, instance: &str, registered: bool);
    /// Whether a balancer's own checks find a host healthy; nothing if it does not have it.
    fn is_healthy(&self, balancer: &str, instance: &str) -> Option<bool>;
    /// The zone's name servers are told of records.
    fn serve(&self, records: &[Served]);
    /// Whether all name servers answer with these records.
    fn is_served(&self, records: &[Served]) -> bool;
}
