//! The failure of a window that can no longer start in time.

use jiff::Timestamp;

use cutover_core::time::{between, human};

use crate::failure::Failure;

/// Why the window does not start at `now`, and how to start it anyway. Only the difference is given, because the zone
/// of the operator's clock is not known here. The words stay true when they are read later.
pub(crate) fn too_late(latest: Timestamp, now: Timestamp) -> Failure {
    let ago = human(between(latest, now));
    Failure::permanent(format!(
        "the window would not have ended in time: the latest safe start had passed {ago} before"
    ))
    .with_hint("use --late to start anyway")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn a_late_start_is_not_given_as_a_moment_in_a_zone_that_is_not_the_operators() {
        let words = too_late(at(0), at(125)).to_string();
        assert!(words.contains("had passed 2m 05s before") && !words.contains('Z'), "{words}");
    }
}
