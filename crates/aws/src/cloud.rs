//! The engine's ports on AWS, put together for one deployment. What each does is in `ports`, one file each.
//!
//! What runs on hosts, and messages to people, are no business of AWS's API: whoever opens the world brings them.

use std::rc::Rc;

use cutover_core::deployment::Deployment;
use cutover_engine::ports::{Announcer, Clock, Hosts, World};

use crate::connection::Connection;
use crate::ports::{AwsAccount, AwsBalancers, AwsCompute, AwsDatabases, AwsDns, AwsImages, AwsOutside, AwsPages};
use crate::vantage::Vantage;

/// The world that `deployment` describes, in the account of `connection`. Nothing is asked yet.
#[must_use]
pub fn world(
    connection: &Rc<Connection>,
    deployment: &Deployment,
    clock: Rc<dyn Clock>,
    vantage: Vantage,
    hosts: Rc<dyn Hosts>,
    announcer: Rc<dyn Announcer>,
) -> World {
    let vantage = Rc::new(vantage);
    World {
        dns: Rc::new(AwsDns::new(connection, deployment, &vantage)),
        balancers: Rc::new(AwsBalancers::new(connection, deployment)),
        compute: Rc::new(AwsCompute::new(connection, deployment)),
        images: Rc::new(AwsImages::new(connection, deployment)),
        databases: Rc::new(AwsDatabases::new(connection, deployment, clock)),
        pages: Rc::new(AwsPages::new(connection, deployment, &vantage)),
        hosts,
        outside: Rc::new(AwsOutside::new(connection, &vantage)),
        account: Rc::new(AwsAccount::new(connection, deployment)),
        announcer,
    }
}
