//! The hosts that a window needs, has started or stopped, or goes on without.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::old_code::has_begun_to_migrate;
use super::page::{page_was_posted, posts_page};
use super::{Acted, Run, RunKind, Upgrade};
use crate::names::{FleetName, HostName};
use crate::plan::{Action, Host, InstanceRef, Line, Phase, StopServices};

/// The hosts that a run of the window still needs: the next ones, whose services it starts, and until the maintenance
/// page may be up the current ones too.
pub fn hosts_needed(run: &Run) -> impl Iterator<Item = &Host> {
    let is_down = page_was_posted(run);
    run.plan.steps.iter().filter_map(move |step| match &step.action {
        Action::StartServices(start) => Some(&start.host),
        Action::StopServices(stop) if !is_down => Some(&stop.host),
        _ => None,
    })
}

/// Whether a run of the window needs a host that is known to be gone, so that it has to be planned again.
#[must_use]
pub fn lacks_hosts(run: &Run, upgrade: &Upgrade) -> bool {
    run.kind == RunKind::Window && hosts_needed(run).any(|host| is_gone(host, upgrade))
}

/// Whether all next hosts of a balancer are known to be gone, so that nothing could serve its sites.
#[must_use]
pub fn lacks_all_hosts(run: &Run, upgrade: &Upgrade) -> bool {
    run.plan.steps.iter().any(|step| match &step.action {
        Action::Register(members) => members.hosts.iter().all(|host| is_gone(host, upgrade)),
        _ => false,
    })
}

/// The next hosts whose services a window has started, or may have.
#[must_use]
pub fn started_hosts(upgrade: &Upgrade) -> BTreeSet<&HostName> {
    let windows = upgrade.runs.iter().filter(|run| run.kind == RunKind::Window);
    let started = windows.flat_map(Run::runs).filter_map(|(step, run)| match &step.action {
        Action::StartServices(start) if !run.status.is_untouched() || run.acted != Acted::No => Some(&start.host.name),
        _ => None,
    });
    started.collect()
}

/// The current hosts on which no program may run any more: the window has stopped them, and the migrations of their fleet have
/// begun.
#[must_use]
pub fn must_be_down(upgrade: &Upgrade) -> BTreeSet<&HostName> {
    let current: BTreeMap<&HostName, &FleetName> =
        upgrade.captured.iter().flatten().map(|host| (&host.name, &host.fleet)).collect();
    let is_migrated =
        |host: &HostName| current.get(host).is_some_and(|fleet| has_begun_to_migrate(&upgrade.runs, fleet));
    let steps = upgrade.run_of(Phase::Window).into_iter().flat_map(Run::runs);
    let stopped = steps.filter_map(|(step, run)| match &step.action {
        Action::StopServices(stop) if run.status.is_done() && is_migrated(&stop.host.name) => Some(&stop.host.name),
        _ => None,
    });
    stopped.collect()
}

/// The next hosts on which every program must run: the window has started them, and visitors are back, or may be.
#[must_use]
pub fn must_run(upgrade: &Upgrade) -> BTreeSet<&HostName> {
    let Some(run) = upgrade.run_of(Phase::Window) else { return BTreeSet::new() };
    let lifted = run.lifted();
    let started = run.runs().filter_map(|(step, run)| match &step.action {
        Action::StartServices(start) if run.status.is_done() && lifted.contains(&step.lane) => Some(&start.host.name),
        _ => None,
    });
    started.collect()
}

/// The next hosts that were prepared and that this plan of the window goes on without.
#[must_use]
pub fn hosts_left_out(run: &Run) -> Vec<&HostName> {
    let mut expected: Vec<&HostName> = Vec::new();
    let mut known: HashSet<&HostName> = HashSet::new();
    for step in &run.plan.steps {
        match &step.action {
            Action::ConfirmStopped { hosts, .. } if step.line == Line::Migrate => {
                expected.extend(hosts.iter().map(|host| &host.host.name));
            }
            Action::StopServices(stop) => known.extend([&stop.host.name]),
            Action::StartServices(start) => known.extend([&start.host.name]),
            _ => {}
        }
    }
    expected.retain(|host| !known.contains(host));
    expected
}

/// The current hosts whose services a window has stopped, or told to stop, although visitors are not sent to the
/// maintenance page. Nothing while the page is just being put up.
#[must_use]
pub fn stopped_early(upgrade: &Upgrade) -> Vec<&StopServices> {
    let window = upgrade.run_of(Phase::Window).filter(|run| run.is_under_way() && !page_was_posted(run));
    let is_opening = |run: &&Run| upgrade.interrupted.is_none() && posts_page(run).any(|(_, run)| run.status.is_open());
    let runs = window.filter(|run| !is_opening(run)).into_iter().flat_map(Run::runs);
    let stopped = runs.filter_map(|(step, run)| match &step.action {
        Action::StopServices(stop) if run.may_stand() => Some(stop),
        _ => None,
    });
    stopped.collect()
}

fn is_gone(host: &Host, upgrade: &Upgrade) -> bool {
    match &host.instance {
        InstanceRef::Known(instance) => upgrade.gone.contains(instance),
        InstanceRef::MadeBy(_) => upgrade.launched.get(&host.name).is_some_and(|id| upgrade.gone.contains(id)),
    }
}
