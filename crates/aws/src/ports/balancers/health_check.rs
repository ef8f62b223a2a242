//! What is read of the health checks of both kinds of balancers.

use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;

/// A whole number of a health check.
pub(super) fn count(balancer: &str, what: &str, value: Option<i64>) -> Answer<u32> {
    value.and_then(|value| u32::try_from(value).ok()).ok_or_else(|| {
        Failure::permanent(format!(
            "AWS does not say what the {what} of the health check of balancer {balancer} is, and cutover does not guess it"
        ))
        .with_hint("set the health check once more in the console")
    })
}
