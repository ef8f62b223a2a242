//! The list of all operations.

use super::{Entry, cloudfront, ec2, elb, elbv2, rds, route53, servicequotas, ssm, sts};

/// All operations.
#[must_use]
pub fn table() -> Vec<Entry> {
    let services = [
        sts::table(),
        ec2::table(),
        elb::table(),
        elbv2::table(),
        rds::table(),
        route53::table(),
        cloudfront::table(),
        ssm::table(),
        servicequotas::table(),
    ];
    services.concat()
}
