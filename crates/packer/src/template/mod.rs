//! The team's own template: read, and checked before anything is made.
//!
//! Packer itself is the authority: `packer inspect` tells which variables a template declares, and `packer validate` whether it
//! is right with ours. The one thing that is read here is whether the tag by which a build is found again is set (`marks`),
//! because no command of Packer tells.

mod check;
mod declared;
mod marks;
mod read;
mod refusal;

pub use check::Ready;
pub use read::{Language, Template};

#[cfg(test)]
mod tests;
