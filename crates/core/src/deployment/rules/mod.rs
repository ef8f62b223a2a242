//! Rules that the types of a deployment cannot express. Each rule is a small pure function from the deployment, and
//! the file it came from, to the mistakes that it finds; the file is used only for the positions of the mistakes.

mod addresses;
mod aws;
mod branches;
mod check;
mod databases;
mod duplicates;
mod fleets;
mod images;
mod naming;
mod patterns;
mod rule;
mod sequences;
mod soak;
mod ssh;
mod tables;
#[cfg(test)]
mod tests;
mod times;
mod traffic;
mod write_checks;

pub(super) use check::check;
use rule::Rule;
