//! What the types of a deployment cannot say. Each rule is a small pure function from the deployment, and the
//! file it came from, to the mistakes that it finds; the file only says where they stand.

mod addresses;
mod aws;
mod branches;
mod databases;
mod duplicates;
mod fleets;
mod naming;
mod patterns;
mod times;
mod traffic;

#[cfg(test)]
mod tests;

use super::Deployment;
use super::document::Node;
use super::mistake::Mistake;

/// One rule: what it finds wrong in a deployment, and where in the file.
type Rule = fn(&Deployment, &Node) -> Vec<Mistake>;

/// Every mistake that any rule finds, in no particular order.
pub(super) fn check(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    [
        duplicates::RULES,
        naming::RULES,
        patterns::RULES,
        times::RULES,
        traffic::RULES,
        fleets::RULES,
        databases::RULES,
        addresses::RULES,
        branches::RULES,
        aws::RULES,
    ]
    .into_iter()
    .flatten()
    .flat_map(|rule| rule(deployment, file))
    .collect()
}
