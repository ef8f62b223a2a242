//! The statements of a migration, `manage.py sqlmigrate APP NAME`, on MySQL and MariaDB, and what they make and remove.
//!
//! - `change`: the changes of a statement, as data;
//! - `output`: reads what `sqlmigrate` printed: its headings, its statements, and what it cannot write as SQL;
//! - `tokens`: splits text at semicolons, and statements into names, strings and signs;
//! - `statement`: what one statement changes, with the clauses of `ALTER TABLE` in `alter` and columns in `column`.
//!
//! `sqlmigrate` asks the database for the names of constraints that it removes, so its output is taken before the migration
//! begins. It is not the whole truth: code may run other statements than it prints, which it then says.
//!
//! Output of Django 2.2, 3.2, 4.2 and 5.2 with PyMySQL on MariaDB 10.11 is in `recorded`.

mod alter;
mod change;
mod column;
mod output;
mod statement;
#[cfg(test)]
mod tests;
mod tokens;

pub use change::{Change, Column, Kind, Reason, Statement};
pub use output::{NotRead, read};
