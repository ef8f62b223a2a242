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

/// The fleets whose tasks the window under way has still to count. A consent to as many tasks as were counted does not end
/// that: there may be more by now. Fleets of whose current workers none `lives` are left out: nothing could count their
/// tasks.
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::digest::Digest;
    use crate::journal::{Event, RunNumber};
    use crate::plan::{CapturedHost, Host};
    use crate::testing::{plan, step};

    /// A window that has still to count the tasks of a fleet on its worker `i-0`; `i-1` is another worker.
    fn counting() -> Upgrade {
        let host = Host { name: "worker-0".into(), instance: InstanceRef::Known("i-0".into()) };
        let count = Some(CountTasks { host, command: vec!["count".to_owned()] });
        let tasks = step("tasks", Action::DrainQueues { fleet: "live".into(), count }, &[]);
        let (run, kind, deployment) = (RunNumber(1), Phase::Window.into(), Digest::of(b""));
        let plan = Arc::new(plan(Phase::Window, vec![tasks]));
        let mut upgrade = Upgrade::default();
        let begin = Event::RunStarted { run, kind, plan, deployment };
        upgrade.apply(Timestamp::UNIX_EPOCH, &begin).expect("it can begin");
        let worker = |number: u32| CapturedHost {
            name: format!("worker-{number}").as_str().into(),
            instance: format!("i-{number}").into(),
            fleet: "live".into(),
            role: Role::Worker,
        };
        upgrade.captured = Some(vec![worker(0), worker(1)]);
        upgrade
    }

    #[test]
    fn tasks_have_to_be_counted_as_long_as_one_worker_of_the_fleet_lives() {
        let upgrade = counting();
        let fleets = |living: &[&str]| tasks_to_count(&upgrade, |id| living.contains(&id.as_str())).len();
        assert_eq!([fleets(&["i-0", "i-1"]), fleets(&["i-1"]), fleets(&[])], [1, 1, 0]);
    }

    #[test]
    fn another_worker_counts_only_if_there_is_one_that_is_not_gone() {
        let needs_another = |gone: &[&str]| {
            let mut upgrade = counting();
            upgrade.gone = gone.iter().map(|id| InstanceId::from(*id)).collect();
            needs_another_worker(upgrade.run_of(Phase::Window).expect("it was begun"), &upgrade)
        };
        assert_eq!([&[][..], &["i-0"], &["i-1"], &["i-0", "i-1"]].map(needs_another), [false, true, false, false]);
    }
}
