//! Time limits for answers of real programs and hosts. Their time is real, whatever the clock of the upgrade shows.

use std::time::Duration;

/// How long a question to a local program may take.
pub(crate) const LOCAL: Duration = Duration::from_secs(5);

/// Returns after `length`.
pub(crate) async fn pass(length: Duration) {
    within(length, std::future::pending::<()>()).await;
}

/// The result of `work`, or nothing if it takes longer than `limit`.
#[expect(
    clippy::disallowed_methods,
    reason = "a host that does not answer is as silent in an upgrade's time as in ours"
)]
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}
