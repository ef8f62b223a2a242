//! Git as a program. Nothing outside this folder starts it.
//!
//! Every call is a list of arguments, made in `call`: what comes from outside stands behind `--end-of-options` or `--`.
//! `environment` decides what git may know of the operator's configuration, `version` which gits are good enough,
//! `run` does a call to its end, `conversation` keeps a process to ask many things of, `words` reads what git says
//! when it fails.

mod call;
mod conversation;
mod environment;
mod run;
mod version;
mod words;

pub use call::Call;
pub use conversation::Conversation;
pub use environment::{Configuration, Environment};
pub use run::{Git, Output};
pub use version::Version;
pub(crate) use words::without_secrets;
