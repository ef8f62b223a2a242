//! Circles between the files of a crate: `a.rs` uses something of `b.rs`, which uses something of `a.rs`. Tests are
//! exempt, and re-exports of a `mod.rs` or `lib.rs`.
//!
//! `tokens` splits a file into the words that matter, `parse` finds what a module declares and which paths it uses,
//! `modules` has all modules of a crate, `resolve` finds the module that declares what a path names, `find` looks for
//! circles among the dependencies that follow, and `check` does all this for the workspace.
//!
//! Only paths are seen. Calls of methods are not, but a value of a type is rarely used without naming something of its
//! file.

mod check;
mod find;
mod modules;
mod parse;
mod resolve;
mod tokens;

pub(crate) use check::check;
