//! The one gate for writes: every call that changes the world passes here, each attempt of it anew. (The gates of a plan
//! are something else: there a person decides.)
//!
//! A port's method that changes something takes a [`Permit`], and only the gate makes one. Both clouds ask for it again
//! where they do what they are told, so that no method of theirs can write without. Before each attempt the gate sees that
//! nobody else has gone on with the journal, and that the lease is held and will outlast the attempt. It bounds the
//! attempt, counts it, stops it in a dry run, and lets a rehearsal's weather spoil it.
//!
//! A check cannot stop a process that sleeps between the check and the call. Where the world can refuse a late writer, it
//! does: see `fence`, and the table of writes in ARCHITECTURE.md.

mod permit;
#[cfg(test)]
mod tests;
mod weather;
mod writes;

pub use permit::Permit;
pub use weather::{Fair, Mishap, Weather};
pub use writes::{Gate, Hold};
