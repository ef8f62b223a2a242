//! How visitors find a site.

use std::time::Duration;

/// How a visitor finds a site, and how long he keeps to what he has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Habit {
    /// A new connection for each page, to the address that his resolver gives him. He keeps that as long as its TTL says.
    Resolves,
    /// One connection for all pages, and a new one only when the server has closed it.
    KeepsConnection,
    /// A new connection for each page, to an address that he keeps for so long, whatever its TTL says.
    KeepsAddress(Duration),
}

impl Habit {
    /// The usual ones. The last visitor keeps an address for an hour.
    pub const USUAL: [Self; 3] = [Self::Resolves, Self::KeepsConnection, Self::KeepsAddress(Duration::from_secs(3600))];
}
