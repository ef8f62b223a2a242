//! Durable execution of a plan: the journal's store, the lease, the ports to the world, and the conductor that
//! carries steps out, resumes after anything, and always knows what happened.

pub mod failure;
pub mod ports;
