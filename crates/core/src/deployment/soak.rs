//! How the new site is watched after visitors are back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// After visitors are back on the new site, it is requested for some time as visitors request it, and compared with what the old
/// site answered right before the window. Only then people are told that the upgrade is done. Nothing is put back by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Soak {
    /// How long it takes. This is no downtime.
    pub length: Span,
    /// The time between two requests to each site.
    #[serde(default = "default_requests_every")]
    pub requests_every: Span,
    /// How many more of every 1,000 requests may fail than before the window. A request fails if the site's checks say so.
    #[serde(default = "default_max_errors_per_mille")]
    #[schemars(range(min = 0, max = 1000))]
    pub max_errors_per_mille: u32,
    /// How many times as long as before the window an answer may take. The medians are compared. A difference of less than 100 ms
    /// is none.
    #[serde(default = "default_max_slower")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_slower: u32,
    /// How many more tasks than before the window may wait in a fleet's queues at the end, counted with `count_queues`. Default:
    /// any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub max_queued_more: Option<u32>,
}

const fn default_requests_every() -> Span {
    Span::seconds(5)
}

const fn default_max_errors_per_mille() -> u32 {
    10
}

const fn default_max_slower() -> u32 {
    3
}
