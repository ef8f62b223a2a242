//! What the name servers know: the site's zone as Route 53 has it, and the names of AWS itself.

use super::addresses::Addresses;
use crate::account::Facts;
use crate::effects::Served;
use crate::servers::Zone;

/// How long AWS's own names may be kept, in seconds.
const TTL: u32 = 5;

/// All zones. `records` are those of the site's zone.
pub(super) fn zones(zone: &str, records: &[Served], facts: &Facts, at: &Addresses) -> Vec<Zone> {
    let servers: Vec<String> = facts.zone_servers.iter().map(|name| dotted(name)).collect();
    let listed = |record: &&Served| !matches!(record.kind.as_str(), "SOA" | "NS");
    let own: Vec<Served> = records.iter().filter(listed).cloned().collect();
    let mut zones = vec![Zone { name: dotted(zone), servers: servers.clone(), records: own }];
    for (index, server) in servers.iter().enumerate() {
        zones.push(of_aws(parent(server), &servers, vec![address(server, &at.names[index % at.names.len()])]));
    }
    let balancers = facts.domains.iter().map(|(name, domain)| address(domain, &at.balancers[name])).collect();
    zones.push(of_aws("elb.amazonaws.com.", &servers, balancers));
    let edge = vec![address(&facts.distribution_domain, &at.edge)];
    zones.push(of_aws("cloudfront.net.", &servers, edge));
    merged(zones)
}

fn of_aws(name: &str, servers: &[String], records: Vec<Served>) -> Zone {
    Zone { name: name.to_owned(), servers: servers.to_vec(), records }
}

fn address(name: &str, address: &str) -> Served {
    Served { name: dotted(name), kind: "A".to_owned(), ttl: TTL, values: vec![address.to_owned()] }
}

/// A name with the dot at its end, in lower case.
fn dotted(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.').to_lowercase())
}

/// The zone of a name server: `awsdns-64.com.` for `ns-2048.awsdns-64.com.`.
fn parent(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, parent)| parent)
}

/// Zones of the same name as one.
fn merged(zones: Vec<Zone>) -> Vec<Zone> {
    let mut merged: Vec<Zone> = Vec::new();
    for zone in zones {
        match merged.iter_mut().find(|other| other.name == zone.name) {
            Some(same) => same.records.extend(zone.records),
            None => merged.push(zone),
        }
    }
    merged
}
