//! S3 through `object_store`: `bucket` holds the state that a team shares, `page` the maintenance page, which changes
//! only by a permit. Beneath both is the `client`; `guard` stands between it and the network, and `failure` says what
//! failures of S3 mean.

mod bucket;
mod client;
mod failure;
mod guard;
mod page;

pub use bucket::Bucket;
pub use page::PageBucket;
