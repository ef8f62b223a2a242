//! The addresses that balancers have now. Those of an ELB change by themselves, also within a window.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};

use cutover_core::deployment::Deployment;
use cutover_core::names::DnsName;

use crate::wall;

/// How long one name may take to resolve.
const LIMIT: Duration = Duration::from_secs(10);
/// The port of HTTPS.
const HTTPS: u16 = 443;

/// The addresses of each balancer's name, in ascending order; none for a name that does not resolve now.
pub(super) type Addresses = BTreeMap<DnsName, Vec<IpAddr>>;

/// Resolves the names of the balancers that serve sites, with this machine's resolver.
pub(super) async fn resolved(deployment: &Deployment) -> Addresses {
    let served = deployment.sites.iter().filter_map(|site| deployment.balancer(&site.balancer));
    let names: std::collections::BTreeSet<&DnsName> = served.map(|balancer| &balancer.domain).collect();
    join_all(names.into_iter().map(async |name| (name.clone(), look_up(name).await))).await.into_iter().collect()
}

async fn look_up(name: &DnsName) -> Vec<IpAddr> {
    let lookup = tokio::net::lookup_host((name.as_str().trim_end_matches('.'), HTTPS));
    let Either::Left((Ok(found), _)) = select(pin!(lookup), wall::sleep(LIMIT)).await else { return Vec::new() };
    let mut found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    found.sort();
    found.dedup();
    found
}
