//! The client against AWS's own models, against moto's server, and on bad days. One program, linked once.
//!
//! Models and moto come from Python packages of fixed versions, which `cargo xtask test` installs. Bad days need no
//! Python.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start moto, are told by the environment where it is, and live on the wall clock"
)]

mod bad_days;
mod conformance;
mod moto;
mod support;
