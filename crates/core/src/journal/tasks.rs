//! The tasks that workers have left in the queues of a fleet: counted before the migrations, and left to the next hosts only
//! with an operator's consent.

use std::collections::BTreeSet;

use super::{Fact, Run, Upgrade};
use crate::deployment::Role;
use crate::names::{FleetName, InstanceId};
use crate::plan::{Action, CountTasks, InstanceRef, Phase, Step};

/// How many tasks wait in the queues of a fleet, if a step of a window was not done because of them.
#[must_use]
pub fn tasks_left(run: &Run, step: &Step) -> Option<u64> {
    run.run(&step.id).facts.iter().rev().find_map(|fact| match fact {
        Fact::TasksLeft { tasks, .. } => Some(*tasks),
        _ => None,
    })
}

/// The fleets whose tasks the window under way has still to count. A consent to as
/// many tasks as were counted does not end that: there may be more by now. Fleets of whose current workers none `lives` are
/// left out: nothing could count their tasks.
#[must_use]
pub fn tasks_to_count(upgrade: &Upgrade, lives: impl Fn(&InstanceId) -> bool) -> Vec<&FleetName> {
    let window = upgrade.run_of(Phase::Window).filter(|run| run.is_under_way());
    let fleets: BTreeSet<&FleetName> = window.into_iter().flat_map(counts).map(|(fleet, _)| fleet).collect();
    fleets.into_iter().filter(|fleet| current_workers(upgrade, fleet).any(&lives)).collect()
}

/// Whether a window has still to count tasks on a worker that is known to be gone, and can be planned to count them on another
/// one.
#[must_use]
pub fn needs_another_worker(run: &Run, upgrade: &Upgrade) -> bool {
    let is_gone = |id: &InstanceId| upgrade.gone.contains(id);
    counts(run).any(|(fleet, count)| {
        let is_lost = matches!(&count.host.instance, InstanceRef::Known(id) if is_gone(id));
        is_lost && current_workers(upgrade, fleet).any(|id| !is_gone(id))
    })
}

/// What a run has still to count.
fn counts(run: &Run) -> impl Iterator<Item = (&FleetName, &CountTasks)> {
    run.runs().filter(|(_, run)| !run.status.is_done()).filter_map(|(step, _)| match &step.action {
        Action::DrainQueues { fleet, count: Some(count) } => Some((fleet, count)),
        _ => None,
    })
}

/// The current workers of a fleet that are on record.
fn current_workers<'a>(upgrade: &'a Upgrade, fleet: &'a FleetName) -> impl Iterator<Item = &'a InstanceId> {
    let hosts = upgrade.captured.iter().flatten();
    hosts.filter(move |host| host.fleet == *fleet && host.role == Role::Worker).map(|host| &host.instance)
}
