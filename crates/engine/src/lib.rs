//! Durable execution of a plan: the store and the journal in it, the lease, the ports to the world, the one gate through
//! which it is changed, and the conductor that carries steps out, resumes after anything, and always knows what happened.

mod act;
pub mod conductor;
pub mod drive;
pub mod dry;
pub mod failure;
pub mod feed;
pub mod fence;
pub mod gate;
pub mod halt;
mod hints;
pub mod inbox;
pub mod journal;
pub mod lease;
pub mod ledger;
pub mod observe;
pub mod ports;
mod readings;
pub mod retry;
mod slots;
pub mod store;
#[cfg(test)]
mod testing;
