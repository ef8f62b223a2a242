//! Why a window does not open any more.

use jiff::Timestamp;

/// Why the window does not open.
pub(crate) fn too_late(latest: Timestamp) -> String {
    format!("it would not end in time: the latest safe start was {latest}; to begin all the same: --late")
}
