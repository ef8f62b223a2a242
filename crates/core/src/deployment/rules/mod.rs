//! What the types of a deployment cannot say. Each rule is a small pure function from the deployment, and the
//! file it came from, to the mistakes that it finds; the file only says where they stand.

mod addresses;
mod aws;
mod branches;
mod check;
mod databases;
mod duplicates;
mod fleets;
mod naming;
mod patterns;
mod rule;
#[cfg(test)]
mod tests;
mod times;
mod traffic;

pub(super) use check::check;
use rule::Rule;
