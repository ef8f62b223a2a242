//! What a lease guarantees: a running conductor keeps others out, a dead one does not, and no clock of another machine
//! is trusted.

mod claiming;
mod keeping;
mod process;
mod seen;
mod time;
