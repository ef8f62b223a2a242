//! Durable execution of a plan: the store and its journal, the lease, the ports to the world, the one gate through
//! which the world is changed, and the conductor that carries out steps and can resume after any interruption.

mod act;
pub mod drive;
pub mod dry;
pub mod failure;
pub mod feed;
pub mod fence;
pub mod gate;
pub mod halt;
pub mod hints;
pub mod inbox;
pub mod inventory;
pub mod journal;
pub mod lease;
pub mod ledger;
mod migration_flaws;
pub mod moment;
pub mod observe;
mod pending;
pub mod phase;
pub mod ports;
pub mod readiness;
mod readings;
pub mod removals;
pub mod retry;
mod slots;
pub mod store;
mod supervisors;
#[cfg(test)]
mod testing;
