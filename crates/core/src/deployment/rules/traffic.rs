//! Sites, balancers and the zone: every site must be served by some fleet.

use super::Rule;
use crate::deployment::Deployment;
use crate::deployment::document::Node;
use crate::deployment::mistake::{Mistake, list};

pub(super) const RULES: &[Rule] = &[
    sites_name_balancers_that_exist,
    sites_have_a_fleet_behind_them,
    balancers_are_of_use,
    site_hosts_lie_in_the_zone,
    sites_are_checked,
    sites_name_programs_that_exist,
];

fn sites_name_balancers_that_exist(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let known: Vec<&str> = deployment.balancers.iter().map(|balancer| balancer.name.as_str()).collect();
    let lost = deployment.sites.iter().enumerate().filter(|(_, site)| deployment.balancer(&site.balancer).is_none());
    lost.map(|(index, site)| {
        let message = format!("site `{}` names balancer `{}`, which does not exist", site.name, site.balancer);
        let label = format!("there are: {}", list(&known, "and"));
        Mistake::at(file.get("site").item(index).get("balancer"), message, label)
            .suggest(site.balancer.as_str(), &known)
    })
    .collect()
}

fn sites_have_a_fleet_behind_them(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let exists = |balancer| deployment.balancer(balancer).is_some();
    let sites = deployment.sites.iter().enumerate();
    let unserved =
        sites.filter(|(_, site)| exists(&site.balancer) && deployment.fleet_behind(&site.balancer).is_none());
    unserved
        .map(|(index, site)| {
            let message = format!("nobody serves site `{}`: no fleet is behind `{}`", site.name, site.balancer);
            let label = "name it in a fleet's edxapp.balancers";
            Mistake::at(file.get("site").item(index).get("balancer"), message, label)
        })
        .collect()
}

/// A balancer that sites use but no fleet serves is reported at the sites.
fn balancers_are_of_use(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let used = |name| deployment.fleet_behind(name).is_some() || deployment.sites.iter().any(|s| s.balancer == *name);
    let idle = deployment.balancers.iter().enumerate().filter(|(_, balancer)| !used(&balancer.name));
    idle.map(|(index, balancer)| {
        let message = format!("no fleet is behind balancer `{}`", balancer.name);
        let label = "name it in a fleet's edxapp.balancers, or remove it";
        Mistake::at(file.get("balancer").item(index).get("name"), message, label)
    })
    .collect()
}

fn site_hosts_lie_in_the_zone(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let zone = deployment.dns.zone.trim_end_matches('.').to_lowercase();
    let inside = |host: &str| {
        let host = host.trim_end_matches('.').to_lowercase();
        host.strip_suffix(&zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let outside = deployment.sites.iter().enumerate().filter(|(_, site)| !inside(site.host.as_str()));
    outside
        .map(|(index, site)| {
            let message = format!("`{}` lies outside the zone `{}`", site.host, deployment.dns.zone);
            Mistake::at(file.get("site").item(index).get("host"), message, format!("must end in .{zone}"))
        })
        .collect()
}

fn sites_are_checked(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let unchecked = deployment.sites.iter().enumerate().filter(|(_, site)| site.checks.is_empty());
    unchecked
        .map(|(index, site)| {
            let message = format!("site `{}` has no check", site.name);
            let mistake = Mistake::at(file.get("site").item(index), message, "needs at least one [[site.check]]");
            mistake.help("without one, visitors are let in before anything has tested that it works")
        })
        .collect()
}

fn sites_name_programs_that_exist(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let programs = &deployment.role.edxapp.programs;
    let known = || programs.iter().map(crate::names::ProgramName::as_str);
    let lost = deployment.sites.iter().enumerate().filter(|(_, site)| !programs.contains(&site.program));
    lost.map(|(index, site)| {
        let message = format!("site `{}` is answered by `{}`, which no edxapp host runs", site.name, site.program);
        let label = format!("one of role.edxapp.programs: {}", list(known(), "or"));
        Mistake::at(file.get("site").item(index).get("program"), message, label).suggest(site.program.as_str(), known())
    })
    .collect()
}
