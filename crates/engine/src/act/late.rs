//! The failure of a window that can no longer start in time.

use jiff::Timestamp;

use crate::failure::Failure;

/// Why the window does not start, and how to start it anyway.
pub(crate) fn too_late(latest: Timestamp) -> Failure {
    Failure::permanent(format!("the window would not end in time: the latest safe start was {latest}"))
        .with_hint("use --late to start anyway")
}
