//! Why a phase cannot be planned, according to what was observed of the world.

use std::collections::BTreeSet;

use super::announce::is_down;
use super::blocked::Blocked;
use super::hosts::{living, lost_hosts, next_hosts, unprepared_hosts, wanted_hosts};
use super::images::{not_to_be_had, unaccounted_hosts};
use super::{Inputs, current_hosts};
use crate::deployment::{Fleet, Role};
use crate::names::{BalancerName, DnsName, HostName, InstanceId};
use crate::observation::{InstanceState, any_in_service};
use crate::plan::Phase;

/// The reasons in the world why `phase` cannot start.
#[must_use]
pub fn blocked_by_world(inputs: Inputs<'_>, phase: Phase) -> Vec<Blocked> {
    match phase {
        Phase::Announce => Vec::new(),
        Phase::Prepare => {
            let hosts = [hosts_exist(inputs), stopped_hosts(inputs)].concat();
            [hosts, not_to_be_had(inputs), traffic_exists(inputs), databases_exist(inputs)].concat()
        }
        Phase::Window => {
            [hosts_live(inputs), traffic_exists(inputs), databases_exist(inputs), page_is_served(inputs)].concat()
        }
        Phase::Retire => [traffic_exists(inputs), unserved(inputs), without_workers(inputs)].concat(),
    }
}

fn hosts_exist(inputs: Inputs<'_>) -> Vec<Blocked> {
    let current = current_hosts(inputs);
    let groups = inputs.deployment.fleets.iter().flat_map(|fleet| fleet.groups().map(move |(role, _)| (fleet, role)));
    groups
        .filter(|(fleet, role)| !current.iter().any(|host| host.fleet == fleet.name && host.role == *role))
        .map(|(fleet, role)| Blocked::NoCurrentHosts {
            fleet: fleet.name.clone(),
            role,
            version: inputs.deployment.release.current_version.clone(),
        })
        .collect()
}

/// Before the page is up, all hosts are needed. After that, a current host that is gone counts as stopped, and the
/// window goes on without the next hosts that are gone, if others can serve.
fn hosts_live(inputs: Inputs<'_>) -> Vec<Blocked> {
    let too_late = is_down(inputs);
    let missing = unprepared_hosts(inputs.upgrade, inputs.deployment);
    let missing = missing.into_iter().map(|host| Blocked::NextHostMissing { host, too_late });
    let gone = if too_late { without_next_hosts(inputs) } else { gone_hosts(inputs) };
    let (stopped, unaccounted) = match too_late {
        true => Default::default(),
        false => (stopped_hosts(inputs), unaccounted_hosts(inputs)),
    };
    gone.into_iter().chain(stopped).chain(unaccounted).chain(missing).collect()
}

/// The hosts on record that are stopped in EC2.
fn stopped_hosts(inputs: Inputs<'_>) -> Vec<Blocked> {
    let current = inputs.upgrade.captured.iter().flatten().map(|host| &host.instance);
    let wanted = wanted_hosts(inputs.deployment);
    let next = wanted.iter().filter_map(|host| inputs.upgrade.launched.get(host));
    let needed: BTreeSet<&InstanceId> = current.chain(next).collect();
    let instances = inputs.observation.instances.iter();
    instances
        .filter(|instance| instance.is_stopped() && needed.contains(&instance.id))
        .map(|instance| Blocked::HostStopped { host: instance.name.clone(), instance: instance.id.clone() })
        .collect()
}

/// The hosts on record that are gone.
fn gone_hosts(inputs: Inputs<'_>) -> Vec<Blocked> {
    let living = living(inputs);
    let captured = inputs.upgrade.captured.iter().flatten();
    let current = captured.filter(|host| !living.contains(&host.instance));
    let current = current.map(|host| Blocked::CurrentHostGone { host: host.name.clone() });
    current.chain(lost_hosts(inputs).into_iter().map(|host| Blocked::NextHostGone { host })).collect()
}

/// The reasons why a window whose page is up cannot go on: fleets that have lost all next hosts that could serve.
fn without_next_hosts(inputs: Inputs<'_>) -> Vec<Blocked> {
    without_any(inputs).map(|fleet| Blocked::NoNextHosts { fleet: fleet.name.clone() }).collect()
}

/// Whether a fleet has lost all next hosts that could serve, so that a window whose page is up cannot go on.
#[must_use]
pub fn cannot_serve(inputs: Inputs<'_>) -> bool {
    without_any(inputs).next().is_some()
}

/// The fleets that have lost all next hosts that could serve.
fn without_any<'a>(inputs: Inputs<'a>) -> impl Iterator<Item = &'a Fleet> {
    let lost = lost_hosts(inputs);
    let has_none = move |fleet: &&Fleet| next_hosts(inputs, fleet, Role::Edxapp).iter().all(|host| lost.contains(host));
    inputs.deployment.fleets.iter().filter(has_none)
}

fn traffic_exists(inputs: Inputs<'_>) -> Vec<Blocked> {
    let balancers = inputs.deployment.balancers.iter().filter_map(|balancer| {
        let name = balancer.name.clone();
        match inputs.observation.balancers.get(&balancer.name) {
            None => Some(Blocked::NoBalancer { balancer: name }),
            Some(observed) if observed.kind != balancer.kind => Some(Blocked::OtherKind { balancer: name }),
            Some(_) => None,
        }
    });
    let records = inputs
        .deployment
        .sites
        .iter()
        .filter(|site| !inputs.observation.records.contains_key(&site.host))
        .map(|site| Blocked::NoRecord { site: site.name.clone(), host: site.host.clone() });
    balancers.chain(records).collect()
}

/// The balancers without any host in service. What is retired could be needed to serve their sites.
fn unserved(inputs: Inputs<'_>) -> Vec<Blocked> {
    let balancers = inputs.deployment.balancers.iter().map(|balancer| &balancer.name);
    let serves = |name: &&BalancerName| {
        let observed = inputs.observation.balancers.get(*name);
        observed.is_none_or(|state| any_in_service(&state.members))
    };
    balancers.filter(|name| !serves(name)).map(|name| Blocked::NotServed { balancer: name.clone() }).collect()
}

/// The fleets of whose next workers none runs.
fn without_workers(inputs: Inputs<'_>) -> Vec<Blocked> {
    let instances = inputs.observation.instances.iter();
    let up = instances.filter(|instance| instance.state == InstanceState::Running).map(|instance| &instance.id);
    let up: BTreeSet<&InstanceId> = up.collect();
    let runs = |host: &HostName| inputs.upgrade.launched.get(host).is_some_and(|id| up.contains(id));
    let has_none = |fleet: &&Fleet| {
        let workers = next_hosts(inputs, fleet, Role::Worker);
        !workers.is_empty() && !workers.iter().any(runs)
    };
    let fleets = inputs.deployment.fleets.iter().filter(has_none);
    fleets.map(|fleet| Blocked::NoNextWorkers { fleet: fleet.name.clone() }).collect()
}

fn databases_exist(inputs: Inputs<'_>) -> Vec<Blocked> {
    let databases = inputs.deployment.databases.iter();
    databases
        .filter(|database| !inputs.observation.databases.contains_key(&database.name))
        .map(|database| Blocked::NoDatabase { database: database.name.clone() })
        .collect()
}

fn page_is_served(inputs: Inputs<'_>) -> Vec<Blocked> {
    let distribution = inputs.observation.distribution.as_ref();
    let uncertain = distribution.and_then(|page| page.uncertain.clone());
    let served = |host: &DnsName| {
        distribution.is_some_and(|page| {
            page.deployed && page.aliases.contains(host) && (uncertain.is_some() || page.certified.contains(host))
        })
    };
    let sites = inputs.deployment.sites.iter().filter(|site| !served(&site.host));
    let not_served = sites.map(|site| Blocked::PageNotServed { host: site.host.clone() });
    not_served.chain(uncertain.clone().map(|why| Blocked::PageUncertain { why })).collect()
}
