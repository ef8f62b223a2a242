//! The time limit of an attempt, on the machine's own clock.

use std::pin::pin;

use futures_util::future::{Either, select};

use super::{ATTEMPT, Machine};

/// What `work` says, or nothing if it takes longer than an attempt.
pub(crate) async fn within_attempt<T>(machine: &dyn Machine, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), machine.sleep(ATTEMPT)).await {
        Either::Left((said, _)) => Some(said),
        Either::Right(_) => None,
    }
}
