//! Packer itself: where it is, which version it is, what it inherits, and how short calls of it are made.

mod call;
mod environment;
mod find;
mod version;

pub use environment::Environment;
pub use find::Program;
pub use version::Version;

pub(crate) use call::{Call, Outcome};
