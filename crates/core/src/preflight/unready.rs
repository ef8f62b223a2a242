//! What hosts have said that a window would fail at. The window is refused for it before it opens.

use super::{CheckItem, CheckState, platform, readiness};
use crate::planner::Inputs;
use crate::readiness::AskedHost;

/// The problems of hosts, as [`check()`](super::check()) and [`readiness()`] report them; empty if there are none.
#[must_use]
pub fn unready(inputs: Inputs<'_>, hosts: &[AskedHost]) -> Vec<CheckItem> {
    let items = readiness(hosts).into_iter().chain(platform::pending(inputs));
    items.filter(|item| item.state == CheckState::Problem).collect()
}
