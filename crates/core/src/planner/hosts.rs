//! Which hosts are current, which are next, and which instances they are.

use std::collections::{BTreeMap, BTreeSet};

use super::Inputs;
use super::announce::is_down;
use crate::deployment::{Deployment, Fleet, HostGroup, Role};
use crate::journal::Upgrade;
use crate::names::{FleetName, HostName, InstanceId, StepId};
use crate::plan::{CapturedHost, Host, InstanceRef, Phase};

/// The current hosts: those on record, or before that those observed. A host is current when it is tagged with
/// the current release-version and no upgrade of this name launched it.
#[must_use]
pub fn current_hosts(inputs: Inputs<'_>) -> Vec<CapturedHost> {
    match &inputs.upgrade.captured {
        Some(captured) => captured.clone(),
        None => observed_current_hosts(inputs),
    }
}

/// The current hosts according to the observation, even if others are on record.
#[must_use]
pub(super) fn observed_current_hosts(inputs: Inputs<'_>) -> Vec<CapturedHost> {
    let release = &inputs.deployment.release;
    let upgrade = inputs.deployment.upgrade();
    let mut hosts: Vec<CapturedHost> = inputs
        .observation
        .instances
        .iter()
        .filter(|instance| instance.lives() && instance.version == release.current_version)
        .filter(|instance| instance.upgrade.as_ref() != Some(&upgrade))
        .filter(|instance| inputs.deployment.fleet(&instance.fleet).is_some())
        .map(|instance| CapturedHost {
            name: instance.name.clone(),
            instance: instance.id.clone(),
            fleet: instance.fleet.clone(),
            role: instance.role,
        })
        .collect();
    hosts.sort();
    hosts
}

/// The step that launches the next host with that name.
#[must_use]
pub fn next_host_step(name: &HostName) -> StepId {
    format!("prepare.launch.{name}").into()
}

/// The names of the next hosts of one role of a fleet, by number.
#[must_use]
pub fn next_hosts(inputs: Inputs<'_>, fleet: &Fleet, role: Role) -> Vec<HostName> {
    let groups = fleet.groups().filter(|(other, _)| *other == role);
    groups.flat_map(|(_, group)| next_names(inputs.deployment, fleet, group)).collect()
}

/// The next hosts in the file, of all fleets.
pub(super) fn wanted_hosts(deployment: &Deployment) -> BTreeSet<HostName> {
    let groups = deployment.fleets.iter().flat_map(|fleet| fleet.groups().map(move |(_, group)| (fleet, group)));
    groups.flat_map(|(fleet, group)| next_names(deployment, fleet, group)).collect()
}

/// The next hosts in the file that `prepare`, which has succeeded, has not launched: the file was edited since. Empty
/// while `prepare` has not succeeded.
#[must_use]
pub fn unprepared_hosts(upgrade: &Upgrade, deployment: &Deployment) -> Vec<HostName> {
    if !upgrade.finished(Phase::Prepare) {
        return Vec::new();
    }
    wanted_hosts(deployment).into_iter().filter(|host| !upgrade.launched.contains_key(host)).collect()
}

/// The next hosts in the file that the upgrade launched and that are gone.
pub(super) fn lost_hosts(inputs: Inputs<'_>) -> BTreeSet<HostName> {
    let living = living(inputs);
    let is_lost = |host: &HostName| inputs.upgrade.launched.get(host).is_some_and(|id| !living.contains(id));
    wanted_hosts(inputs.deployment).into_iter().filter(is_lost).collect()
}

/// The next hosts that a window goes on without: they are gone, and none is launched while visitors may see the
/// maintenance page. Empty before that.
#[must_use]
pub fn left_out(inputs: Inputs<'_>) -> BTreeSet<HostName> {
    if is_down(inputs) { lost_hosts(inputs) } else { BTreeSet::new() }
}

/// The instances that are not gone.
pub(super) fn living<'a>(inputs: Inputs<'a>) -> BTreeSet<&'a InstanceId> {
    let instances = inputs.observation.instances.iter();
    instances.filter(|instance| instance.lives()).map(|instance| &instance.id).collect()
}

/// Hosts by fleet and role, so that each host is looked up only once for a plan.
#[derive(Debug)]
pub(super) struct HostsByGroup(BTreeMap<(FleetName, Role), Vec<Host>>);

impl HostsByGroup {
    /// The current hosts.
    pub(super) fn current(inputs: Inputs<'_>) -> Self {
        let mut groups: BTreeMap<_, Vec<Host>> = BTreeMap::new();
        for host in current_hosts(inputs) {
            groups
                .entry((host.fleet, host.role))
                .or_default()
                .push(Host { name: host.name, instance: InstanceRef::Known(host.instance) });
        }
        Self(groups)
    }

    /// The next hosts: existing ones by their instance, others by the step that will launch them. Once none is launched
    /// any more, those that are gone are there by the instance that they were.
    pub(super) fn next(inputs: Inputs<'_>) -> Self {
        let (living, left_out) = (living(inputs), left_out(inputs));
        let launched = |name: &HostName| {
            let launched = inputs.upgrade.launched.get(name);
            launched.filter(|id| living.contains(id) || left_out.contains(name))
        };
        let mut groups = BTreeMap::new();
        for fleet in &inputs.deployment.fleets {
            for (role, group) in fleet.groups() {
                let hosts = next_names(inputs.deployment, fleet, group).map(|name| Host {
                    instance: match launched(&name) {
                        Some(instance) => InstanceRef::Known(instance.clone()),
                        None => InstanceRef::MadeBy(next_host_step(&name)),
                    },
                    name,
                });
                groups.insert((fleet.name.clone(), role), hosts.collect());
            }
        }
        Self(groups)
    }

    /// The same without those hosts.
    pub(super) fn without(&self, left_out: &BTreeSet<HostName>) -> Self {
        let keep = |hosts: &Vec<Host>| hosts.iter().filter(|host| !left_out.contains(&host.name)).cloned().collect();
        Self(self.0.iter().map(|(group, hosts)| (group.clone(), keep(hosts))).collect())
    }

    /// The hosts of one role of a fleet.
    pub(super) fn of(&self, fleet: &FleetName, role: Role) -> &[Host] {
        self.0.get(&(fleet.clone(), role)).map_or(&[], Vec::as_slice)
    }

    /// The roles and hosts of a fleet, edxapp first.
    pub(super) fn of_fleet<'a>(&'a self, fleet: &'a FleetName) -> impl Iterator<Item = (Role, &'a Host)> {
        Role::ALL.into_iter().flat_map(move |role| self.of(fleet, role).iter().map(move |host| (role, host)))
    }
}

/// The names of the next hosts of a group, by number.
pub(super) fn next_names<'a>(
    deployment: &'a Deployment,
    fleet: &'a Fleet,
    group: &'a HostGroup,
) -> impl Iterator<Item = HostName> + 'a {
    let (name, version) = (deployment.name.as_str(), deployment.release.version.as_str());
    (0..group.count).map(move |n| group.host_name(name, &fleet.name, n, version))
}
