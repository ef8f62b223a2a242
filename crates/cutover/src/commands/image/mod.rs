//! `cutover image`: the machine images of a deployment. One file a command. `look` is what they share; `consent` and `lease` are for
//! what changes something.

mod build;
mod consent;
mod dispatch;
mod lease;
mod list;
mod look;
mod prune;
mod show;

pub(super) use dispatch::run;
