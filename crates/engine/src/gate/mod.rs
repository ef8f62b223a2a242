//! The one gate for writes: every attempt of every call that changes the world passes through it. (The gates of a plan
//! are something else: there a person decides.)
//!
//! A port's method that changes something takes a [`Permit`], and only the gate makes one. Both clouds require it again
//! where they carry out a call, so that none of their methods can write without one. Before each attempt the gate
//! checks that no other conductor has continued the journal, and that the lease is held and will outlast the attempt.
//! It limits the attempt's time, counts it, prevents it in a dry run, and lets a rehearsal inject faults.
//!
//! A check cannot stop a process that is suspended between the check and the call. Where the world can refuse a late
//! writer, it does: see `fence`, and the table of writes in ARCHITECTURE.md.

mod faults;
mod permit;
#[cfg(test)]
mod tests;
mod writes;

pub use faults::{FaultSource, InjectedFault, NoFaults};
pub use permit::Permit;
pub use writes::{Authority, Gate};
