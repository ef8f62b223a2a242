//! Load balancers: `port` finds out which balancer a name means, `classic` and `groups` speak with each kind, and
//! `health_check` reads what both have in common.

mod classic;
mod groups;
mod health_check;
mod port;

pub use port::AwsBalancers;
