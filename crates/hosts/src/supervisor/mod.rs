//! supervisor: `status` reads the states of programs, `orders` changes them.

mod orders;
mod status;
#[cfg(test)]
mod tests;

pub use orders::{Order, Verb};
pub use status::{NoStatus, ProgramStatus, State, ask, print_other, print_running, read};
