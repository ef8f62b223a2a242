//! What is around AWS's API for a furnished deployment, and what moto has none of: the zone's own name servers, the
//! resolvers, and whoever answers visitors behind balancers and distribution. They say what is right from the beginning
//! on, and name servers learn of each change that is made through the world's ports.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_aws::cloud::Others;
use cutover_aws::{Vantage, cloud};
use cutover_core::names::{ChangeId, DnsName};
use cutover_core::observation::Record;
use cutover_core::plan::RecordTarget;
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Announcer, Answer, Clock, Dns, Hosts, ServerAnswer, World};

use crate::obedient::Obedient;
use crate::stage::Furnished;
use crate::stand_ins::{Authority, NameServer, WebServer};

/// The first of the zone's servers is 127.0.0.60.
const FIRST_SERVER: u8 = 60;

/// Name servers, resolvers and a web server, and the vantage that leads to them.
pub(crate) struct Surroundings {
    /// The zone's own servers, in Route 53's order, and then the resolvers of the deployment, in the file's order.
    pub(crate) name_servers: Vec<NameServer>,
    /// Whoever answers for every balancer, the distribution and, to those who ask as visitors do, the sites.
    pub(crate) web: WebServer,
    /// Leads there.
    pub(crate) vantage: Vantage,
}

impl Surroundings {
    /// Starts all of it for `furnished`, whose deployment names the resolvers by addresses of loopback.
    pub(crate) fn of(furnished: &Furnished) -> Self {
        let zone = &furnished.zone_servers;
        let count = u8::try_from(zone.len()).expect("a few servers");
        let mut name_servers = NameServer::several(FIRST_SERVER, count);
        let dns_port = name_servers[0].address.port();
        let addresses: Vec<IpAddr> = name_servers.iter().map(NameServer::ip).collect();
        let resolvers = furnished.deployment.dns.resolvers.iter();
        name_servers.extend(resolvers.map(|resolver| NameServer::start(loopback(*resolver), dns_port)));
        let authority = Authority::new("surroundings");
        let web = WebServer::start();
        let vantage = Vantage {
            connect_to: addressed(furnished).map(|name| (name, web.address)).collect(),
            name_servers: zone.iter().cloned().zip(addresses).collect(),
            dns_port,
            roots: vec![authority.root.clone()],
            limit: Duration::from_secs(5),
        };
        let surroundings = Self { name_servers, web, vantage };
        surroundings.serve(furnished, &authority);
        surroundings
    }

    /// The ports on AWS, looking at these surroundings.
    pub(crate) fn world(
        &self,
        furnished: &Furnished,
        clock: Rc<dyn Clock>,
        hosts: Rc<dyn Hosts>,
        announcer: Rc<dyn Announcer>,
    ) -> World {
        let (connection, deployment) = (&furnished.connection, &furnished.deployment);
        let others = Others { hosts, announcer, ..Rc::new(Obedient::default()).as_others() };
        let world = cloud::world(connection, deployment, clock, self.vantage.clone(), others);
        World { dns: Rc::new(Told { inner: world.dns, servers: self.name_servers.clone() }), ..world }
    }

    /// Records as they were furnished; pages that pass every check, with a certificate for each site.
    fn serve(&self, furnished: &Furnished, authority: &Authority) {
        for site in &furnished.deployment.sites {
            let host = site.host.as_str();
            let domain = furnished.deployment.balancer(&site.balancer).expect("its balancer").domain.as_str();
            self.name_servers.iter().for_each(|server| server.point(host, domain));
            self.web.certify(host, authority.issue(&[host]));
            for check in &site.checks {
                let text = check.contains.as_deref().unwrap_or("ok");
                let text = if check.is_heartbeat() { HEARTBEAT } else { text };
                self.web.publish(host, &check.path, check.status, text);
            }
        }
    }
}

/// What edx-platform says when everything works.
const HEARTBEAT: &str = r#"{"sql": {"message": "OK", "status": true}}"#;

/// All names that visitors and checks connect to.
fn addressed(furnished: &Furnished) -> impl Iterator<Item = DnsName> {
    let deployment = &furnished.deployment;
    let balancers = deployment.balancers.iter().map(|balancer| balancer.domain.clone());
    let sites = deployment.sites.iter().map(|site| site.host.clone());
    balancers.chain(sites).chain([deployment.maintenance_page.domain.clone()])
}

fn loopback(resolver: IpAddr) -> Ipv4Addr {
    match resolver {
        IpAddr::V4(address) if address.is_loopback() => address,
        other => panic!("a resolver of a furnished deployment is on loopback, and {other} is not"),
    }
}

/// Route 53 whose name servers are told of each change: moto has none of its own.
struct Told {
    inner: Rc<dyn Dns>,
    servers: Vec<NameServer>,
}

#[async_trait(?Send)]
impl Dns for Told {
    async fn records(&self, zone: &str, names: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>> {
        self.inner.records(zone, names).await
    }

    async fn fence(&self, zone: &str, name: &DnsName) -> Answer<Option<FenceRecord>> {
        self.inner.fence(zone, name).await
    }

    async fn change_records(
        &self,
        permit: &Permit,
        zone: &str,
        records: &[RecordTarget],
        fence: &FenceChange,
    ) -> Answer<ChangeId> {
        let change = self.inner.change_records(permit, zone, records, fence).await?;
        for server in &self.servers {
            records.iter().for_each(|record| server.point(record.name.as_str(), record.target.as_str()));
        }
        Ok(change)
    }

    async fn in_sync(&self, change: &ChangeId) -> Answer<bool> {
        self.inner.in_sync(change).await
    }

    async fn ask_servers(&self, zone: &str, name: &DnsName) -> Answer<Vec<ServerAnswer>> {
        self.inner.ask_servers(zone, name).await
    }

    async fn ask_resolver(&self, resolver: IpAddr, name: &DnsName) -> Answer<Option<DnsName>> {
        self.inner.ask_resolver(resolver, name).await
    }
}
