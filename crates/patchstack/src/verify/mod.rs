//! Makes the ledger: compares the new stack with the old one, patch by patch, without trusting how it was made.
//!
//! Patches are paired first (`pair`). Then each pair is judged by what git itself makes of the old patch on the new
//! base (`judge`), and each old patch without a pair by whether anything of it is missing. Only what a person has
//! explained (`explanations`) is taken on trust, and it is recorded under the name of that person.

mod account;
mod decisions;
mod explanations;
mod hints;
mod interdiff;
mod judge;
mod merges;
mod pair;
mod request;
mod sides;
#[cfg(test)]
mod tests;

pub use account::verify;
pub use request::Request;
