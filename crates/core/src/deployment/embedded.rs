//! How the embedded cloud behaves where the rest of the file does not say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How the embedded cloud behaves. Durations that the planner expects are taken from there and varied by seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Embedded {
    /// Simulated seconds that pass in one second of wall time, across processes.
    #[schemars(range(min = 1, max = 100_000))]
    pub pace: u32,
    /// Visits a second on every site.
    #[schemars(range(min = 0, max = 100_000))]
    pub visits_per_second: u32,
    /// Of every 1,000 visits, those whose resolver ignores the TTL.
    #[schemars(range(min = 0, max = 1000))]
    pub stale_visits_per_mille: u32,
    /// How long such a resolver keeps an answer.
    pub stale_ttl: Span,
    /// The time between two health checks of a balancer.
    pub health_check_interval: Span,
    /// The checks in a row that bring a host into service.
    #[schemars(range(min = 1, max = 10))]
    pub healthy_threshold: u32,
    /// The checks in a row that take a host out of service.
    #[schemars(range(min = 1, max = 10))]
    pub unhealthy_threshold: u32,
    /// How long a classic ELB takes to take note of a new host.
    pub registration: Span,
    /// How long a balancer shows a removed host as draining.
    pub draining: Span,
    /// Pending migrations for each migration command.
    #[schemars(range(min = 0, max = 10_000))]
    pub pending_migrations: u32,
    /// How much durations vary around what is expected, in per mille either way.
    #[schemars(range(min = 0, max = 500))]
    pub variation_per_mille: u32,
    /// How long instances, images and snapshots may be shown as they were before a write, as EC2 and RDS do; members of
    /// balancers a sixth of that. Each reading is late by another length, by chance. At most 30s.
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
