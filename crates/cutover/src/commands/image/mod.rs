//! `cutover image`: the machine images of a deployment. One file a command; `look` is what they share.

mod dispatch;
mod list;
mod look;
mod show;

pub(super) use dispatch::run;
