//! moto's server, with a deployment in it as it stands before an upgrade.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

const FURNISH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/account/furnish.py");

/// What the account has.
#[derive(Clone, Debug, Serialize)]
pub struct Furniture {
    /// The deployment's name, which is its tag `environment`.
    pub name: String,
    /// The network of its hosts, such as `10.213.7.0/24`. Instances get its addresses in turn, from the fourth on.
    pub network: String,
    /// The release that current hosts have.
    pub current: Release,
    /// The release that next hosts get, if there are images of it already.
    pub next: Option<Release>,
    /// The names of images by their role, with `{codename}` in them.
    pub image_names: BTreeMap<String, String>,
    /// The current hosts.
    pub hosts: Vec<Host>,
    /// The instance profile of all hosts.
    pub profile: String,
    /// The balancers.
    pub balancers: Vec<Balancer>,
    /// The sites.
    pub sites: Vec<Site>,
    /// The hosted zone, without a dot at its end.
    pub zone: String,
    /// The TTL of its records, in seconds.
    pub ttl: u32,
    /// The bucket with the maintenance page.
    pub bucket: String,
    /// The database instance.
    pub database: String,
}

/// A release.
#[derive(Clone, Debug, Serialize)]
pub struct Release {
    /// Such as `koa`.
    pub codename: String,
    /// The tag `release-version`.
    pub version: String,
}

/// A current host.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// `edxapp` or `worker`.
    pub role: String,
    /// The fleet that it belongs to.
    pub fleet: String,
    /// The balancers that it is in.
    pub balancers: Vec<String>,
}

/// A balancer.
#[derive(Clone, Debug, Serialize)]
pub struct Balancer {
    /// Its name.
    pub name: String,
    /// `classic` or `target-group`.
    pub kind: String,
    /// The time between two health checks, in seconds. AWS takes 5 at least.
    pub interval: u32,
    /// How many passed checks in a row bring a host into service.
    pub healthy: u32,
    /// How many failed checks in a row take one out.
    pub unhealthy: u32,
    /// How long hosts drain, in seconds.
    pub draining: u32,
}

/// A site.
#[derive(Clone, Debug, Serialize)]
pub struct Site {
    /// Its public host name.
    pub host: String,
    /// The balancer that serves it.
    pub balancer: String,
}

/// A running moto, which ends with this.
pub struct Moto {
    _server: cutover_rig::Moto,
    facts: Facts,
}

/// What is where in the account.
#[derive(Clone, Debug, Deserialize)]
pub struct Facts {
    /// Where moto listens, such as `http://127.0.0.1:5000`.
    pub endpoint: String,
    /// The subnet of hosts.
    pub subnet: String,
    /// The security group of hosts.
    pub security_group: String,
    /// The domains of balancers, by their names.
    pub domains: BTreeMap<String, String>,
    /// The current hosts, by their names.
    pub hosts: BTreeMap<String, Instance>,
    /// The id of the hosted zone, such as `/hostedzone/Z1`.
    pub zone: String,
    /// The names of its servers.
    pub zone_servers: Vec<String>,
    /// The id of the distribution.
    pub distribution: String,
    /// Its own domain.
    pub distribution_domain: String,
}

/// A host as EC2 has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its private address.
    pub address: String,
}

impl Moto {
    /// Starts one.
    ///
    /// # Panics
    /// When there is no Python with moto, or moto does not take the deployment.
    #[must_use]
    pub fn with(furniture: &Furniture) -> Self {
        let wanted = serde_json::to_string(furniture).expect("it is JSON");
        let server = cutover_rig::Moto::furnished(Path::new(FURNISH), &format!("{wanted}\n"));
        let facts = serde_json::from_str(server.said()).expect("moto says where everything is");
        Self { _server: server, facts }
    }

    /// What is where.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}
