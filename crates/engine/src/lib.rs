//! Durable execution of a plan: the store and the journal in it, the lease, the ports to the world, and the
//! conductor that carries steps out, resumes after anything, and always knows what happened.

mod act;
pub mod conductor;
pub mod drive;
pub mod dry;
pub mod failure;
pub mod inbox;
pub mod journal;
pub mod lease;
pub mod observe;
pub mod ports;
mod readings;
pub mod store;
#[cfg(test)]
mod testing;
