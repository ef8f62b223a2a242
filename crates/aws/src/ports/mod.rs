//! The engine's ports on AWS, one file each.
//!
//! A port reads and makes, and decides nothing. "Not found" is an answer of its own here, since soon after a write it
//! proves nothing: the engine gives it a grace. Calls for many are made in the largest batches that the API takes.

mod account;
mod balancers;
mod compute;
mod databases;
mod dns;
mod images;
mod outside;
mod pages;
mod tags;

pub use account::AwsAccount;
pub use balancers::AwsBalancers;
pub use compute::AwsCompute;
pub use databases::AwsDatabases;
pub use dns::AwsDns;
pub use images::AwsImages;
pub use outside::AwsOutside;
pub use pages::AwsPages;
