//! The engine's ports on AWS, one file each.
//!
//! A port reads and makes, says what became of it, and decides nothing: whether a call is made again, either, which is
//! the engine's business. "Not found" is an answer of its own here, since soon after a write it proves nothing: the
//! engine gives it a grace. Calls for many are made in the largest batches that the API takes. What changes anything
//! takes the gate's permit, and cannot be sent without.

mod account;
mod balancers;
mod builders;
mod compute;
mod databases;
mod dns;
mod images;
mod outside;
mod packer_rests;
mod pages;
mod tags;

pub use account::AwsAccount;
pub use balancers::AwsBalancers;
pub use builders::AwsBuilders;
pub(crate) use compute::HostSettings;
pub use compute::{AwsCompute, AwsInventory, Location};
pub use databases::AwsDatabases;
pub(crate) use databases::Snapshots;
pub use dns::AwsDns;
pub use images::AwsImages;
pub use outside::AwsOutside;
pub use packer_rests::AwsPackerRests;
pub use pages::AwsPages;
pub(crate) use tags::Owner;
