//! The operations of AWS that an upgrade needs, and no others: their requests, and what we read of their answers.
//!
//! Each is declared once, in the file of its service, by the macros in `declare`. [`table`] lists all of them; tests
//! compare that list with AWS's own models, and the policy of least privilege with that list. Names of operations and
//! members are AWS's.

pub mod cloudfront;
mod declare;
pub mod ec2;
pub mod elb;
pub mod elbv2;
pub mod rds;
pub mod route53;
pub mod servicequotas;
pub mod ssm;
pub mod sts;
mod table;

pub use declare::{Effect, Entry, Operation, Paged, Reads, Writes};
use declare::{http_method, http_path, marked, operations, paged, sealed};
pub use table::table;
