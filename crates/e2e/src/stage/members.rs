//! Who is in the balancers, as AWS would say it. HAProxy knows whether a host is healthy; how long it has been there, and that it
//! is leaving, is kept here.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::effects::Health;
use crate::servers;

/// The hosts of all balancers.
pub(super) struct Members {
    /// By balancer and instance.
    known: Mutex<BTreeMap<(String, String), Standing>>,
    /// After so long, a host whose checks have not succeeded is out of service, and not just new.
    patience: Duration,
    /// How long a host drains at most.
    draining: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Standing {
    /// It was registered then.
    Registered(Instant),
    /// It has been healthy.
    Settled,
    /// It was deregistered then.
    Leaves(Instant),
}

/// What to do with a host, and what to say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a member.
    Is(Health),
    /// It has drained, and is to be removed. Only one of those who ask is told so.
    HasLeft,
    /// Somebody else is removing it.
    IsRemoved,
}

impl Members {
    /// None yet.
    pub(super) fn new(patience: Duration, draining: Duration) -> Self {
        Self { known: Mutex::default(), patience, draining }
    }

    /// A host was registered. Whether the balancer did not have it yet.
    pub(super) fn register(&self, balancer: &str, instance: &str) -> bool {
        self.set(balancer, instance, Standing::Registered(Instant::now())).is_none()
    }

    /// A host was deregistered. Whether the balancer has it.
    pub(super) fn deregister(&self, balancer: &str, instance: &str) -> bool {
        let key = (balancer.to_owned(), instance.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(standing) = known.get_mut(&key) else { return false };
        if !matches!(standing, Standing::Leaves(_)) {
            *standing = Standing::Leaves(Instant::now());
        }
        true
    }

    /// What the balancer says of a host that it has, if its own checks say `health`.
    pub(super) fn judge(&self, balancer: &str, instance: &str, health: servers::Health) -> Verdict {
        let key = (balancer.to_owned(), instance.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = known.get(&key).copied();
        match (standing, health) {
            (Some(Standing::Leaves(since)), _) if since.elapsed() < self.draining => Verdict::Is(Health::Draining),
            (Some(Standing::Leaves(_)), _) => {
                known.remove(&key);
                Verdict::HasLeft
            }
            (None, _) => Verdict::IsRemoved,
            (Some(_), servers::Health::Healthy) => {
                known.insert(key, Standing::Settled);
                Verdict::Is(Health::InService)
            }
            (Some(Standing::Registered(since)), _) if since.elapsed() < self.patience => {
                Verdict::Is(Health::Registering)
            }
            _ => Verdict::Is(Health::OutOfService),
        }
    }

    fn set(&self, balancer: &str, instance: &str, standing: Standing) -> Option<Standing> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((balancer.to_owned(), instance.to_owned()), standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_host_is_new_until_its_checks_have_had_time_to_succeed() {
        let patient = Members::new(LONG, LONG);
        assert!(patient.register("lms", "i-1"));
        let unhealthy = servers::Health::Unhealthy;
        assert_eq!(patient.judge("lms", "i-1", unhealthy), Verdict::Is(Health::Registering));
        assert_eq!(patient.judge("lms", "i-1", servers::Health::Healthy), Verdict::Is(Health::InService));
        assert_eq!(patient.judge("lms", "i-1", unhealthy), Verdict::Is(Health::OutOfService));
        let impatient = Members::new(Duration::ZERO, LONG);
        impatient.register("lms", "i-1");
        assert_eq!(impatient.judge("lms", "i-1", unhealthy), Verdict::Is(Health::OutOfService));
    }

    #[test]
    fn a_host_that_leaves_drains_and_is_gone() {
        let healthy = servers::Health::Healthy;
        let members = Members::new(LONG, LONG);
        assert!(!members.deregister("lms", "i-1"), "it is no member");
        members.register("lms", "i-1");
        assert!(members.deregister("lms", "i-1"));
        assert_eq!(members.judge("lms", "i-1", healthy), Verdict::Is(Health::Draining));
        let quick = Members::new(LONG, Duration::ZERO);
        quick.register("lms", "i-1");
        quick.deregister("lms", "i-1");
        assert_eq!(quick.judge("lms", "i-1", healthy), Verdict::HasLeft);
        assert_eq!(quick.judge("lms", "i-1", healthy), Verdict::IsRemoved, "two may ask at the same time");
    }
}
