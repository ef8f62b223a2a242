//! Django's migrations: what `manage.py` and the database print about them.
//!
//! - `listed`: which are applied and which are pending, as `showmigrations` lists them;
//! - `recorded`: which the database has on record, compared with that list;
//! - `sql`: the statements of a migration, as `sqlmigrate` writes them;
//! - `schema`: what the database shows of those statements;
//! - `planned`: what `migrate --plan` would do, and why it cannot;
//! - `applying`: which migration `migrate` applies, and which it has applied, from its output so far;
//! - `faked`: those that are recorded without being run;
//! - `ended`: why a migration failed, from its output;
//! - `failed`: that one of these commands has failed.

pub mod applying;
mod database_error;
pub mod ended;
pub mod faked;
mod listed;
pub mod planned;
pub mod recorded;
pub mod schema;
pub mod sql;

pub use crate::failed::CommandFailed;
pub use database_error::DatabaseError;
pub use listed::{Listed, Mark, NotListed, in_order, pending, read};
