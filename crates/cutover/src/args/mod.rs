//! The command line, as data. What each command does is in `commands/`, one file each.

pub mod branch;
mod cli;

pub use cli::*;
