//! Tests of the cloud through its ports, by subject.

mod balancers;
mod hosts;
mod invariants;
mod kept;
mod late;
mod platform;
mod traffic;
