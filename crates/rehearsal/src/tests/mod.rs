//! Tests of the cloud through its ports, by subject.

mod balancers;
mod hosts;
mod invariants;
mod kept;
mod platform;
mod traffic;
