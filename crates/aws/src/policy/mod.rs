//! The IAM policy of least privilege for one deployment: what an upgrade of it may do, on which resources, and nothing
//! else. Pure: AWS is not called.
//!
//! `methods` lists the operations that each method of a port calls, and in which phases it is used; `statements` the
//! resources that they may be called on. `assemble` makes the policy of both. A test runs every method and compares
//! what it really calls with these lists.

mod assemble;
mod document;
mod methods;
mod statements;
#[cfg(test)]
mod tests;

pub use assemble::{allows, policy};
pub use document::{Condition, LONGEST, Policy, Statement};
pub use methods::{Method, When, methods};
