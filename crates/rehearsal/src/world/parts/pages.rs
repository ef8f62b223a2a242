//! The bucket, the distribution and its invalidations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use cutover_core::names::InvalidationId;
use cutover_core::observation::Distribution;

/// Objects and the distribution.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pages {
    /// The objects' texts, by bucket and key with a slash between.
    pub(crate) objects: BTreeMap<String, String>,
    pub(crate) distribution: Distribution,
    /// The page in the edge caches.
    pub(crate) cached: Option<String>,
    /// Whether each invalidation is complete.
    pub(crate) invalidations: BTreeMap<InvalidationId, bool>,
}

/// The key of an object in `objects`.
pub(crate) fn location(bucket: &str, key: &str) -> String {
    format!("{bucket}/{key}")
}
