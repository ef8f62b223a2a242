//! The credentials of a connection. Where they come from in general is the business of `aws-config`.

mod explain;
mod keeper;
mod source;

pub use explain::MissingCredentials;
pub(crate) use explain::{explained, lasting};
pub(crate) use keeper::Keeper;
pub(crate) use source::{of_profile, until};
