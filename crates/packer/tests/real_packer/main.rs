//! Builds by Debian's Packer 1.6.6 in an account of moto's, as the program starts them. `CUTOVER_DEBIAN` names the system that
//! has it.
//!
//! The templates are those of `examples/packer`, changed so that they need no instance.

#![expect(clippy::disallowed_methods, reason = "Packer and moto are real programs, with this machine's PATH")]

mod account;
mod builds;
mod refusals;
mod stage;
