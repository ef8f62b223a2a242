//! The whole preflight, in the order of the runbook.

use super::under_way::UnderWay;
use super::{CheckItem, hosts, page, platform, traffic};
use crate::planner::Inputs;

/// Checks everything that the plans rely on. Problems come first, otherwise the order is that of the runbook. What the
/// upgrade needs from the account is checked by [`account()`](super::account()). `is_conducted` says whether a conductor
/// is at work: only then is what an unfinished step has changed no fault.
#[must_use]
pub fn check(inputs: Inputs<'_>, is_conducted: bool) -> Vec<CheckItem> {
    let under_way = UnderWay::of(inputs.upgrade, is_conducted);
    let mut items = [
        traffic::check(inputs, under_way),
        page::check(inputs),
        hosts::check(inputs, under_way),
        platform::check(inputs, under_way),
    ]
    .concat();
    items.sort_by_key(|item| item.state);
    items
}
