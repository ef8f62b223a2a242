//! The whole preflight, in the order of the runbook.

use super::{CheckItem, hosts, page, platform, traffic};
use crate::planner::Inputs;

/// Checks everything that the plans rely on. Problems come first, otherwise the order is that of the runbook. What the
/// upgrade needs from the account is checked by [`account()`](super::account()).
#[must_use]
pub fn check(inputs: Inputs<'_>) -> Vec<CheckItem> {
    let mut items =
        [traffic::check(inputs), page::check(inputs), hosts::check(inputs), platform::check(inputs)].concat();
    items.sort_by_key(|item| item.state);
    items
}
