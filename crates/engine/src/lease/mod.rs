//! The lease: who conducts an upgrade, where, and until when. A second conductor does not start while one is running,
//! and no write is started that might take longer than the lease lasts. In case of doubt the journal decides which
//! conductor continues: only one can append the next record.
//!
//! An epoch is claimed by creating its object. Only its holder writes that object again, to renew it. Leases use the
//! wall clock and the machine's own clock, even if the upgrade's clock is simulated. Clocks of different machines are
//! never compared: a successor on another machine uses its own clock to watch whether the object still changes.
//!
//! `machine` is what a conductor knows about the machine that it runs on, `holder` is the holder of a lease according
//! to the store, `claim` claims the next epoch, and `keep` renews its lease.

mod claim;
mod holder;
mod keep;
mod lost;
mod machine;
mod within;

pub use claim::{Claim, LeaseError, claim};
pub use holder::{ATTEMPT, Holder, LEASE, RENEWAL, STANDSTILL, last};
pub use keep::{Lease, News};
pub use lost::LeaseLost;
pub use machine::{Identity, Life, Machine, OnClock, Origin, plain, wait};
pub(crate) use within::within_attempt;

#[cfg(test)]
mod tests;
