//! The whole preflight, in the order of the runbook.

use super::{CheckItem, hosts, page, platform, traffic};
use crate::planner::Inputs;

/// Looks at everything that the plans rely on; problems first, otherwise in the order of the runbook. What the upgrade
/// needs of the [`account()`] beside that is looked at there.
#[must_use]
pub fn check(inputs: Inputs<'_>) -> Vec<CheckItem> {
    let mut items =
        [traffic::check(inputs), page::check(inputs), hosts::check(inputs), platform::check(inputs)].concat();
    items.sort_by_key(|item| item.state);
    items
}
