//! The engine's ports on AWS, for one deployment: which parts of the deployment file each port is given. What each port
//! does is in `ports`, one file each.
//!
//! [`Others`] are not behind AWS's API: whoever opens the world brings them.

use std::rc::Rc;

use cutover_core::deployment::{Database, Deployment};
use cutover_engine::ports::{Announcer, Clock, Hosts, Packers, ReleaseBranches, World};

use crate::connection::Connection;
use crate::ports::{
    AwsAccount, AwsBalancers, AwsBuilders, AwsCompute, AwsDatabases, AwsDns, AwsImages, AwsInventory, AwsOutside,
    AwsPackerRests, AwsPages, HostSettings, Owner, Snapshots,
};
use crate::vantage::Vantage;

/// The ports that do not ask AWS.
pub struct Others {
    /// What runs on hosts.
    pub hosts: Rc<dyn Hosts>,
    /// Messages to people.
    pub announcer: Rc<dyn Announcer>,
    /// The release branches.
    pub branches: Rc<dyn ReleaseBranches>,
    /// Packer.
    pub packers: Rc<dyn Packers>,
}

/// The world that `deployment` describes, in the account of `connection`. No call is made yet.
#[must_use]
pub fn world(
    connection: &Rc<Connection>,
    deployment: &Deployment,
    clock: Rc<dyn Clock>,
    vantage: Vantage,
    others: Others,
) -> World {
    let vantage = Rc::new(vantage);
    let Others { hosts, announcer, branches, packers } = others;
    World {
        dns: Rc::new(dns(connection, deployment, &vantage)),
        balancers: Rc::new(balancers(connection, deployment)),
        compute: Rc::new(compute(connection, deployment)),
        images: Rc::new(images(connection, deployment)),
        builders: Rc::new(builders(connection, deployment)),
        packers,
        databases: Rc::new(databases(connection, deployment, clock)),
        pages: Rc::new(pages(connection, deployment, &vantage)),
        hosts,
        outside: Rc::new(AwsOutside::new(connection, &vantage)),
        account: Rc::new(account(connection, deployment)),
        announcer,
        branches,
        aws_options: deployment.aws_options(),
    }
}

/// The zone of a deployment, its servers, and resolvers.
#[must_use]
pub fn dns(connection: &Rc<Connection>, deployment: &Deployment, vantage: &Rc<Vantage>) -> AwsDns {
    AwsDns::new(connection, &deployment.upgrade(), vantage)
}

/// The load balancers of a deployment.
#[must_use]
pub fn balancers(connection: &Rc<Connection>, deployment: &Deployment) -> AwsBalancers {
    let kinds = deployment.balancers.iter().map(|balancer| (balancer.name.clone(), balancer.kind));
    AwsBalancers::new(connection, kinds.collect())
}

/// The instances of a deployment.
#[must_use]
pub fn compute(connection: &Rc<Connection>, deployment: &Deployment) -> AwsCompute {
    let settings = deployment.aws.as_ref().map_or_else(HostSettings::default, |aws| HostSettings {
        key_pair: aws.key_pair.clone(),
        root_volume: aws.root_volume.clone(),
        hold_services: aws.hold_services.clone(),
    });
    AwsCompute::new(connection, owner(deployment), settings)
}

/// Where the instances of a deployment are reached.
#[must_use]
pub fn inventory(connection: &Rc<Connection>, deployment: &Deployment) -> AwsInventory {
    AwsInventory::new(connection, owner(deployment))
}

/// The machine images of a deployment.
#[must_use]
pub fn images(connection: &Rc<Connection>, deployment: &Deployment) -> AwsImages {
    AwsImages::new(connection, owner(deployment))
}

/// The instances on which a deployment's images are built.
#[must_use]
pub fn builders(connection: &Rc<Connection>, deployment: &Deployment) -> AwsBuilders {
    let key_pair = deployment.aws.as_ref().and_then(|aws| aws.key_pair.clone());
    AwsBuilders::new(connection, owner(deployment), key_pair)
}

/// What builds by Packer leave behind.
#[must_use]
pub fn packer_rests(connection: &Rc<Connection>) -> AwsPackerRests {
    AwsPackerRests::new(connection)
}

/// The database instances of a deployment.
#[must_use]
pub fn databases(connection: &Rc<Connection>, deployment: &Deployment, clock: Rc<dyn Clock>) -> AwsDatabases {
    let has_snapshots = |database: &&Database| database.snapshot || database.warm_up_snapshot;
    let databases = deployment.databases.iter().filter(has_snapshots);
    let snapshots = Snapshots {
        deployment: deployment.name.clone(),
        upgrade: deployment.upgrade(),
        databases: databases.map(|database| database.name.clone()).collect(),
    };
    AwsDatabases::new(connection, snapshots, clock)
}

/// The maintenance page of a deployment.
#[must_use]
pub fn pages(connection: &Rc<Connection>, deployment: &Deployment, vantage: &Rc<Vantage>) -> AwsPages {
    let sites = deployment.sites.iter().map(|site| site.host.clone()).collect();
    AwsPages::new(connection, sites, &deployment.maintenance_page.key, vantage)
}

/// The account that a deployment belongs to.
#[must_use]
pub fn account(connection: &Rc<Connection>, deployment: &Deployment) -> AwsAccount {
    AwsAccount::new(connection, deployment.aws.as_ref().and_then(|aws| aws.account.clone()))
}

fn owner(deployment: &Deployment) -> Owner {
    let role_tags = deployment.aws.as_ref().map(|aws| aws.role_tags.clone()).unwrap_or_default();
    Owner { deployment: deployment.name.clone(), role_tags }
}
