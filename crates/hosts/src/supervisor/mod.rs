//! supervisor: `status` reads the states of programs, `orders` changes them, and `autostart` is about what starts when the
//! host boots.

pub mod autostart;
mod orders;
mod status;
#[cfg(test)]
mod tests;

pub use orders::{Order, Verb};
pub use status::{NoStatus, ProgramStatus, State, ask, ask_all, is_named, print_other, print_running, read, read_all};
