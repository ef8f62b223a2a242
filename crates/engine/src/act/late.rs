//! The message for a window that can no longer start in time.

use jiff::Timestamp;

/// Why the window does not start, and how to start it anyway.
pub(crate) fn too_late(latest: Timestamp) -> String {
    format!("the window would not end in time: the latest safe start was {latest}; use --late to start anyway")
}
