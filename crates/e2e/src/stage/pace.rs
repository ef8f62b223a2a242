//! How long the parts of a deployment take. A bad day need not wait for what it is not about.

use std::time::Duration;

/// Times of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// The TTL of the sites' records in ordinary times, in seconds.
    pub(super) ttl: u32,
    /// That during the window, in seconds.
    pub(super) window_ttl: u32,
    /// How long connections that browsers hold open have to close, in seconds.
    pub(super) settle: u32,
    /// How long a program has to run before it counts as started, in seconds.
    pub(super) steady: u32,
    /// The time between two checks of a balancer.
    pub(super) checks: Duration,
    /// How long a host drains.
    pub(super) draining: Duration,
    /// Whether the account answers a call only once that has taken effect: a host has booted with its supervisor, or all name servers
    /// have a record. The program looks at once then and finds it done; otherwise it looks again after 3 s, or 15 s for a host.
    pub(super) answers_once_done: bool,
}

impl Pace {
    /// For a whole upgrade.
    pub(super) const USUAL: Self = Self {
        ttl: 20,
        window_ttl: 5,
        settle: 3,
        steady: 2,
        checks: Duration::from_secs(5),
        draining: Duration::from_secs(5),
        answers_once_done: false,
    };

    /// For a bad day.
    pub(super) const QUICK: Self = Self {
        ttl: 4,
        window_ttl: 1,
        settle: 0,
        steady: 1,
        checks: Duration::from_millis(300),
        draining: Duration::ZERO,
        answers_once_done: true,
    };
}
