//! The real program on AWS, as an operator runs it: against moto's server, from a home of its own, with valid
//! credentials and with all kinds of invalid ones.
//!
//! moto has no sites and no name servers, so the program cannot observe them. Its hosts are an sshd on loopback. `cargo xtask test` installs
//! moto, a Python package; `CUTOVER_MOTO_PYTHON` names the Python interpreter that has it.
#![expect(clippy::disallowed_methods, reason = "these tests start the real program and moto, and wait for both")]

mod account;
mod check;
mod credentials;
mod hosts;
mod operator;
mod phases;
mod places;
mod readme;
mod servers;
mod state;
