//! S3 through `object_store`: `bucket` holds the state that a team shares, `page` the maintenance page, which changes only by
//! a permit. `guard` stands between a bucket and the network, and `failure` says what failures of S3 mean.

mod bucket;
mod failure;
mod guard;
mod page;

pub use failure::{cause, failure};
pub use page::PageBucket;
