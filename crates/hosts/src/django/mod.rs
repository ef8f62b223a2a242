//! Django's migrations: what `manage.py` prints about them.
//!
//! - `listed`: which are applied and which are pending, as `showmigrations` lists them.

mod listed;

pub use listed::{Listed, Mark, NotListed, pending, read};
