//! The deployment file: everything the runbook needs to know, as types.
//!
//! `parse` reads the file and reports every mistake at once: `syntax` reads TOML into a `document`, `shape` checks it
//! against the `schema` that the types generate, and `rules` checks what types cannot express. `file` is the deployment
//! as a whole, and the other modules are its parts: plain data, without behaviour beyond look-ups.

mod aws;
mod branches;
mod document;
mod embedded;
mod file;
mod fleet;
mod mistake;
mod parse;
mod people;
mod platform;
mod rules;
mod schema;
mod shape;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod traffic;

pub use aws::*;
pub use branches::*;
pub use embedded::*;
pub use file::*;
pub use fleet::*;
pub use mistake::Mistake;
pub use parse::parse;
pub use people::*;
pub use platform::*;
pub use schema::schema;
pub use template::template;
pub use traffic::*;
