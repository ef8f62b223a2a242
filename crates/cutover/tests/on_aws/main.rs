//! The real program on AWS, as an operator runs it: against moto's server, from a home of its own, with valid
//! credentials and with all kinds of invalid ones.
//!
//! moto has no sites, no name servers and no hosts, so the program cannot observe them. `cargo xtask test` installs
//! moto, a Python package; `CUTOVER_MOTO_PYTHON` names the Python interpreter that has it.
#![expect(clippy::disallowed_methods, reason = "these tests start the real program and moto, and wait for both")]

mod account;
mod check;
mod credentials;
mod operator;
mod phases;
mod places;
mod readme;
mod servers;
mod state;
