//! The ways to a site whose name still leads to the maintenance page, as data and as text.

use std::net::IpAddr;

use cutover_core::deployment::Deployment;
use cutover_hosts::shell;
use jiff::Timestamp;
use serde::Serialize;

use super::addresses::Addresses;

/// How testers reach the new sites.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Ways {
    /// When the addresses were looked up.
    pub(super) at: Timestamp,
    /// Each site, with the addresses of its balancer.
    pub(super) sites: Vec<Reached>,
    /// The arguments of a Chromium whose names lead to the balancers.
    pub(super) chromium: Vec<String>,
    /// For each site that can be reached, the arguments of curl.
    pub(super) curl: Vec<Vec<String>>,
    /// For each site that can be reached, a line of a hosts file.
    pub(super) hosts: Vec<String>,
}

/// A site and where its balancer is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reached {
    pub(super) site: String,
    pub(super) host: String,
    pub(super) balancer: String,
    /// The balancer's own name.
    pub(super) domain: String,
    /// Its addresses now; none if its name does not resolve.
    pub(super) addresses: Vec<IpAddr>,
}

impl Reached {
    /// The address that is used where only one can be named. Not every network has IPv6.
    fn address(&self) -> Option<IpAddr> {
        self.addresses.iter().find(|address| address.is_ipv4()).or(self.addresses.first()).copied()
    }

    fn url(&self) -> String {
        format!("https://{}/", self.host)
    }
}

impl Ways {
    pub(super) fn of(deployment: &Deployment, addresses: &Addresses, at: Timestamp) -> Self {
        let sites = deployment.sites.iter().filter_map(|site| {
            let balancer = deployment.balancer(&site.balancer)?;
            Some(Reached {
                site: site.name.to_string(),
                host: site.host.as_str().trim_end_matches('.').to_owned(),
                balancer: balancer.name.to_string(),
                domain: balancer.domain.to_string(),
                addresses: addresses.get(&balancer.domain).cloned().unwrap_or_default(),
            })
        });
        let sites: Vec<Reached> = sites.collect();
        let reached: Vec<(&Reached, IpAddr)> = sites.iter().filter_map(|site| Some((site, site.address()?))).collect();
        let curl = reached.iter().map(|(site, _)| curl(site)).collect();
        let hosts = reached.iter().map(|(site, address)| format!("{address} {}", site.host)).collect();
        Self { at, chromium: chromium(&reached), curl, hosts, sites }
    }
}

/// The arguments of a Chromium that resolves the sites' names to their balancers and shows all of them. Certificates are
/// checked for the sites' own names.
fn chromium(reached: &[(&Reached, IpAddr)]) -> Vec<String> {
    let rules = reached.iter().map(|(site, address)| format!("MAP {} {}", site.host, in_url(*address)));
    let rules = format!("--host-resolver-rules={}", rules.collect::<Vec<_>>().join(", "));
    // With a proxy, the proxy would resolve the names; without QUIC, no connection to the page's servers is taken up again.
    let plain = ["--no-proxy-server", "--disable-quic", "--no-first-run", "--no-default-browser-check"];
    let urls = reached.iter().map(|(site, _)| site.url());
    [rules].into_iter().chain(plain.map(str::to_owned)).chain(urls).collect()
}

fn curl(site: &Reached) -> Vec<String> {
    let addresses = site.addresses.iter().map(|address| in_url(*address)).collect::<Vec<_>>().join(",");
    ["curl", "--noproxy", "*", "--resolve"]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("{}:443:{addresses}", site.host), site.url()])
        .collect()
}

/// An address as it is written in a URL.
fn in_url(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// The ways as people read them. Commands are one line each, to be copied.
pub(super) fn text(ways: &Ways, deployment: &Deployment) -> String {
    let time = deployment.window.start.show(ways.at);
    let mut lines = vec![format!("Addresses of the balancers at {time}. They change: `--watch` says when.")];
    let widest = ways.sites.iter().map(|site| site.host.len()).max().unwrap_or_default();
    lines.extend(ways.sites.iter().map(|site| {
        let addresses: Vec<String> = site.addresses.iter().map(ToString::to_string).collect();
        let addresses = match addresses.is_empty() {
            true => format!("UNKNOWN: {} does not resolve here now", site.domain),
            false => addresses.join(", "),
        };
        format!("  {:widest$}  {}  {addresses}", site.host, site.balancer)
    }));
    if ways.hosts.is_empty() {
        return lines.join("\n");
    }
    lines.push("\nA browser with a profile of its own (or type the same command with `--open`):".to_owned());
    lines.push(format!("  chromium --user-data-dir=\"$(mktemp -d)\" {}", shell::line(&ways.chromium)));
    lines.push("\nOne page:".to_owned());
    lines.extend(ways.curl.iter().map(|words| format!("  {}", shell::line(words))));
    lines.push("\nAny other program: these lines in /etc/hosts, until the tests are over:".to_owned());
    lines.extend(ways.hosts.iter().map(|line| format!("  {line}")));
    lines.join("\n")
}

/// What has become of a balancer's addresses since they were shown: a line for each that has others now.
pub(super) fn changes(before: &Addresses, now: &Addresses) -> Vec<String> {
    let list = |addresses: &[IpAddr]| match addresses {
        [] => "none".to_owned(),
        addresses => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let changed = now.iter().filter(|(name, found)| before.get(*name) != Some(*found));
    changed
        .map(|(name, found)| {
            format!("{name} had {}, and has {} now", list(before.get(name).map_or(&[], Vec::as_slice)), list(found))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use cutover_core::deployment::parse;

    use super::*;

    const QA: &str = include_str!("../../../../../examples/mitx-qa.toml");
    const ALB: &str = "mitx-qa-alb-1093847261.us-east-1.elb.amazonaws.com";

    fn deployment() -> Deployment {
        let mut deployment = parse(QA).expect("the example has no mistakes");
        deployment.sites.truncate(2);
        deployment
    }

    fn addresses(of_alb: &[&str]) -> Addresses {
        [(ALB.into(), of_alb.iter().map(|address| address.parse().expect("an address")).collect())].into()
    }

    fn at() -> Timestamp {
        "2020-12-14T16:02:11Z".parse().expect("a moment")
    }

    #[test]
    fn every_way_leads_to_the_balancers_addresses_under_the_sites_own_names() {
        let deployment = deployment();
        let ways = Ways::of(&deployment, &addresses(&["192.0.2.7", "192.0.2.9", "2001:db8::7"]), at());
        insta::assert_snapshot!(text(&ways, &deployment));
    }

    #[test]
    fn a_balancer_whose_name_does_not_resolve_is_named_and_nothing_is_made_up() {
        let deployment = deployment();
        let ways = Ways::of(&deployment, &addresses(&[]), at());
        assert!(ways.curl.is_empty() && ways.hosts.is_empty());
        let told = text(&ways, &deployment);
        assert!(told.contains(&format!("UNKNOWN: {ALB} does not resolve")) && !told.contains("chromium"), "{told}");
    }

    #[test]
    fn where_there_is_only_ipv6_it_is_written_as_urls_have_it() {
        let ways = Ways::of(&deployment(), &addresses(&["2001:db8::7"]), at());
        assert!(ways.chromium[0].contains("MAP lms-qa.mitx.mit.edu [2001:db8::7]"), "{:?}", ways.chromium);
        assert_eq!(ways.hosts[0], "2001:db8::7 lms-qa.mitx.mit.edu");
    }

    #[test]
    fn a_change_names_the_balancer_with_what_it_had_and_has() {
        let (before, now) = (addresses(&["192.0.2.7"]), addresses(&["192.0.2.9"]));
        assert_eq!(changes(&before, &before), [""; 0]);
        assert_eq!(changes(&before, &now), [format!("{ALB} had 192.0.2.7, and has 192.0.2.9 now")]);
        assert_eq!(changes(&before, &addresses(&[])), [format!("{ALB} had 192.0.2.7, and has none now")]);
    }
}
