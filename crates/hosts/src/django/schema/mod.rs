//! What the database shows of a migration: its tables, columns, indexes and constraints, compared with the statements.
//!
//! - `list`: reads what a command of the file prints, and has the query for MySQL and MariaDB;
//! - `timeline`: through which states the statements take each table, column, index and constraint, with `state` for one of
//!   them and `renames` for the names of tables;
//! - `compare`: which statements the database shows as done;
//! - `words`: the comparison for people.
//!
//! MySQL commits each statement that changes the schema by itself, so a migration that fails has done the statements
//! before it, and its name is not on record.

mod compare;
mod list;
mod renames;
#[cfg(test)]
mod simulated;
mod state;
#[cfg(test)]
mod tests;
mod timeline;
mod words;

pub use compare::{Comparison, Extent, Judged, Verdict, Why, compare};
pub use list::{NotRead, Schema, read};
