//! moto with a whole deployment in it, as it stands before an upgrade: what tests of the ports and of upgrades begin
//! on.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

use cutover_aws::operations::ec2;
use cutover_aws::{Connection, Limits};
use cutover_core::deployment::{Deployment, Role};
use cutover_core::names::{DnsName, ImageId, InstanceId};
use serde::Deserialize;

use crate::moto::Moto;
use crate::obedient::HEAD;
use crate::support::{connect, write};

/// A furnished moto; it goes when this goes.
pub(crate) struct Furnished {
    /// The server.
    pub(crate) moto: Moto,
    /// The deployment, with moto's ids and domains instead of the file's, and resolvers on loopback.
    pub(crate) deployment: Deployment,
    /// A connection to the account.
    pub(crate) connection: Rc<Connection>,
    /// The names of the zone's own servers. moto has none that would answer.
    pub(crate) zone_servers: Vec<String>,
    /// Instances that are not the deployment's, though their tags look like it.
    pub(crate) foreign_instances: Vec<InstanceId>,
    /// Images that are not the deployment's, though their tags look like it.
    pub(crate) foreign_images: Vec<ImageId>,
}

impl Furnished {
    /// An image of that instance under that name, as whoever builds images leaves it behind for the release.
    pub(crate) async fn image(&self, instance: &InstanceId, role: Role, name: &str) -> ImageId {
        let deployment = &self.deployment;
        let tag = |key: &str, value: &str| ec2::NewTag { key: key.to_owned(), value: value.to_owned() };
        let tags = vec![
            tag("environment", deployment.name.as_str()),
            tag("role", deployment.role_tag(role)),
            tag("edx_codename", &deployment.release.codename),
            tag("release-version", &deployment.release.version),
            tag("commit", HEAD),
        ];
        let image = ec2::CreateImage {
            instance_id: instance.to_string(),
            name: name.to_owned(),
            tag_specifications: vec![ec2::TagSpecification { resource_type: "image".to_owned(), tags }],
            ..Default::default()
        };
        write(&self.connection, &image).await.expect("moto makes images").image_id.into()
    }
}

/// What moto says of where things are.
#[derive(Deserialize)]
struct Facts {
    subnets: BTreeMap<String, String>,
    security_groups: BTreeMap<String, String>,
    domains: BTreeMap<String, DnsName>,
    distribution: String,
    distribution_domain: DnsName,
    zone_servers: Vec<String>,
    foreign_instances: Vec<InstanceId>,
    foreign_images: Vec<ImageId>,
}

/// Starts moto and furnishes it for `deployment`: all that is there before an upgrade begins.
pub(crate) async fn furnish(deployment: &Deployment) -> Furnished {
    let written = serde_json::to_string(deployment).expect("a deployment is JSON");
    let moto = Moto::run_with("furnish.py", &format!("{written}\n"));
    let facts: Facts = serde_json::from_value(moto.facts().clone()).expect("moto says where everything is");
    let connection = Rc::new(connect(&moto.fact("endpoint"), Limits::default()).await);
    Furnished {
        deployment: located(deployment, &facts),
        connection,
        zone_servers: facts.zone_servers,
        foreign_instances: facts.foreign_instances,
        foreign_images: facts.foreign_images,
        moto,
    }
}

fn located(deployment: &Deployment, facts: &Facts) -> Deployment {
    let mut deployment = deployment.clone();
    for (resolver, last) in deployment.dns.resolvers.iter_mut().zip(53..) {
        *resolver = Ipv4Addr::new(127, 0, 9, last).into();
    }
    let page = &mut deployment.maintenance_page;
    page.distribution.clone_from(&facts.distribution);
    page.domain.clone_from(&facts.distribution_domain);
    for balancer in &mut deployment.balancers {
        balancer.domain = facts.domains[balancer.name.as_str()].clone();
    }
    for fleet in &mut deployment.fleets {
        for group in std::iter::once(&mut fleet.edxapp).chain(&mut fleet.worker) {
            replace(&mut group.subnets, &facts.subnets);
            replace(&mut group.security_groups, &facts.security_groups);
        }
    }
    deployment
}

fn replace(names: &mut [String], ids: &BTreeMap<String, String>) {
    for name in names {
        *name = ids[name.as_str()].clone();
    }
}
