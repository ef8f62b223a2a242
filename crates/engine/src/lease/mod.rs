//! The lease: who conducts an upgrade, where, and until when. A second conductor keeps out while one is alive, and no write
//! is begun that the lease might not outlast. The order of the journal remains the fence: it decides who goes on.
//!
//! An epoch is claimed by creating its object. Only its holder writes that object again, to renew it. Leases use wall time
//! and the machine's own clock, whatever the upgrade's clock shows. Clocks of different machines are never compared: a
//! successor elsewhere watches on its own clock whether the object still changes.
//!
//! `machine` is what a conductor knows about where it runs, `holder` who holds a lease as the store has it, `claim` how the
//! next epoch is claimed, and `keep` how it is kept.

mod claim;
mod holder;
mod keep;
mod lost;
mod machine;

pub use claim::{Claim, LeaseError, claim};
pub use holder::{ATTEMPT, Holder, LEASE, RENEWAL, STANDSTILL, last};
pub use keep::{Lease, News};
pub use lost::LeaseLost;
pub use machine::{Identity, Life, Machine, Moment, OnClock, Origin};

#[cfg(test)]
mod tests;
