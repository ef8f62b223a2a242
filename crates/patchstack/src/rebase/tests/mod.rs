//! Rebases of real repositories, with a person's part played by git commands in the folder.

mod astray;
mod backwards;
mod crash;
mod decided_anew;
mod refused;
mod skips;
pub(crate) mod story;
mod unusual;
mod whole;
mod work;
