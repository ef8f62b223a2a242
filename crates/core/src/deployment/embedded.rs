//! How the embedded cloud behaves where the rest of the file does not specify it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How the embedded cloud behaves. It takes durations from what the planner expects, and varies them by the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Embedded {
    /// How many simulated seconds pass in one second of wall time. All processes share this pace.
    #[schemars(range(min = 1, max = 100_000))]
    pub pace: u32,
    /// Visits per second to each site.
    #[schemars(range(min = 0, max = 100_000))]
    pub visits_per_second: u32,
    /// How many of every 1,000 visits use a resolver that ignores the TTL.
    #[schemars(range(min = 0, max = 1000))]
    pub stale_visits_per_mille: u32,
    /// How long such a resolver keeps an answer.
    pub stale_ttl: Span,
    /// The time between two health checks of a balancer.
    pub health_check_interval: Span,
    /// How many passed checks in a row bring a host into service.
    #[schemars(range(min = 1, max = 10))]
    pub healthy_threshold: u32,
    /// How many failed checks in a row take a host out of service.
    #[schemars(range(min = 1, max = 10))]
    pub unhealthy_threshold: u32,
    /// How long a classic ELB takes to notice a new host.
    pub registration: Span,
    /// How long a balancer shows a removed host as draining.
    pub draining: Span,
    /// Pending migrations for each migration command.
    #[schemars(range(min = 0, max = 10_000))]
    pub pending_migrations: u32,
    /// How much durations vary around what is expected, up or down, in per mille.
    #[schemars(range(min = 0, max = 500))]
    pub variation_per_mille: u32,
    /// How long reads may show instances, images and snapshots as they were before a write, as EC2 and RDS do; for
    /// members of balancers it is a sixth of this time. Each read is late by a random time. At most 30s.
    #[serde(skip_serializing_if = "Span::is_zero")]
    pub shown_late: Span,
}

impl Default for Embedded {
    fn default() -> Self {
        Self {
            pace: 60,
            visits_per_second: 10,
            stale_visits_per_mille: 20,
            stale_ttl: Span::seconds(1800),
            health_check_interval: Span::seconds(30),
            healthy_threshold: 3,
            unhealthy_threshold: 2,
            registration: Span::seconds(30),
            draining: Span::seconds(300),
            pending_migrations: 24,
            variation_per_mille: 100,
            shown_late: Span::seconds(0),
        }
    }
}
