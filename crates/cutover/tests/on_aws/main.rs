//! The real program on AWS, as an operator runs it: against moto's server, from a home of its own, with credentials that
//! are as they should be, and with all kinds that are not.
//!
//! moto has no sites, no name servers and no hosts: what the program would look at there cannot be seen. It comes from a
//! Python package, which `cargo xtask test` installs; `CUTOVER_MOTO_PYTHON` names the Python that has it.
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
