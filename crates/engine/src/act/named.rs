//! How many things a message names before it says how many more there are.

/// Things that are named with few words, such as the hosts that are waited for.
pub(super) const NAMED: usize = 5;
/// Things of which each has several words, such as hosts with the reason why they could not be looked at.
pub(super) const NAMED_WITH_WORDS: usize = 3;
