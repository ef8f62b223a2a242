//! The client against AWS's own models, against moto's server, and on bad days. One program, linked once.
//!
//! Models and moto come from Python packages of fixed versions, which `cargo xtask test` installs. Bad days need no
//! Python.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start moto, are told by the environment where it is, and live on the wall clock"
)]

mod bad_days;
mod bad_steps;
mod conformance;
mod contract;
mod dry;
mod held_services;
mod hurried;
mod moto;
mod obedient;
mod policy;
mod ports_platform;
mod ports_traffic;
mod proxy;
mod seen_from_outside;
mod stage;
mod stand_ins;
mod state_in_a_bucket;
mod support;
mod surroundings;
mod upgrade;
mod zone_fence;
