//! All rules together.

use super::super::Deployment;
use super::super::document::Node;
use super::super::mistake::Mistake;
use super::{
    addresses, aws, branches, databases, duplicates, fleets, images, naming, patterns, sequences, soak, ssh, tables,
    times, traffic, write_checks,
};

/// Every mistake that any rule finds, in no particular order.
pub(crate) fn check(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    [
        duplicates::RULES,
        naming::RULES,
        patterns::RULES,
        times::RULES,
        traffic::RULES,
        write_checks::RULES,
        soak::RULES,
        fleets::RULES,
        databases::RULES,
        tables::RULES,
        sequences::RULES,
        addresses::RULES,
        branches::RULES,
        images::RULES,
        aws::RULES,
        ssh::RULES,
    ]
    .into_iter()
    .flatten()
    .flat_map(|rule| rule(deployment, file))
    .collect()
}
