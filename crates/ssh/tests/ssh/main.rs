//! The transport on a real sshd of this machine, as an operator's `ssh` would reach it.

#![expect(clippy::disallowed_methods, reason = "tests run ssh and sshd as an operator would, with this machine's PATH")]

mod connections;
mod contracts;
mod jobs;
mod memory;
mod newborn;
mod shared;
mod supervisors;
mod support;
mod troubles;
mod ways;
