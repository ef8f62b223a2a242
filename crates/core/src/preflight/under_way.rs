//! What an upgrade that is under way has changed, according to its journal: a check does not report that as a fault.

use crate::journal::{Run, StepRun, downtime_began};
use crate::names::{BalancerName, DatabaseName, DnsName};
use crate::observation::{BalancerState, Record};
use crate::plan::{Action, InstanceRef, Phase, Step};
use crate::planner::Inputs;

/// The window, while it is under way.
pub(super) fn window<'a>(inputs: Inputs<'a>) -> Option<&'a Run> {
    inputs.upgrade.run_of(Phase::Window).filter(|run| run.is_under_way())
}

/// Whether a window is under way and visitors may see the maintenance page, or have seen it.
pub(super) fn is_down(inputs: Inputs<'_>) -> bool {
    window(inputs).is_some_and(|run| downtime_began(run).is_some())
}

/// The steps of the window under way that may have changed something.
fn begun<'a>(inputs: Inputs<'a>) -> impl Iterator<Item = (&'a Step, &'a StepRun)> {
    let runs = window(inputs).into_iter().flat_map(Run::runs);
    runs.filter(|(_, run)| !run.status.is_untouched())
}

/// Whether the window under way has pointed this name to where its record points now. While a change is on its way, the
/// target from before is expected too.
pub(super) fn has_pointed(inputs: Inputs<'_>, name: &DnsName, seen: &Record) -> bool {
    let targets = begun(inputs).filter_map(|(step, run)| match &step.action {
        Action::ChangeRecords(change) => {
            let record = change.records.iter().find(|record| record.name == *name)?;
            Some((&record.target, run.status.is_done()))
        }
        _ => None,
    });
    // In the order of the plan, of which the last one counts.
    let mut expected = Vec::new();
    for (target, is_done) in targets {
        if is_done {
            expected.clear();
        }
        expected.push(target);
    }
    expected.iter().any(|target| target.is_same(&seen.target))
}

/// Whether the window under way has stopped hosts of this balancer, or changed its members, and has not yet seen the next
/// ones in service.
pub(super) fn has_disturbed(inputs: Inputs<'_>, balancer: &BalancerName, seen: &BalancerState) -> bool {
    let is_in_service = |(step, run): (&Step, &StepRun)| match &step.action {
        Action::AwaitHealthy(members) => members.balancer == *balancer && run.status.is_done(),
        _ => false,
    };
    let disturbs = |(step, _): (&Step, &StepRun)| match &step.action {
        Action::Register(members) | Action::Deregister(members) => members.balancer == *balancer,
        Action::StopServices(stop) => match &stop.host.instance {
            InstanceRef::Known(instance) => seen.members.contains_key(instance),
            InstanceRef::MadeBy(_) => false,
        },
        _ => false,
    };
    begun(inputs).any(disturbs) && !begun(inputs).any(is_in_service)
}

/// Whether the window under way takes a snapshot of this database instance.
pub(super) fn is_taking_snapshot(inputs: Inputs<'_>, database: &DatabaseName) -> bool {
    begun(inputs).any(|(step, run)| match &step.action {
        Action::TakeSnapshot { database: of, .. } => of == database && run.status.is_open(),
        _ => false,
    })
}

/// The maintenance page that the last `announce` has published.
pub(super) fn announced_page<'a>(inputs: Inputs<'a>) -> Option<&'a str> {
    let announced = inputs.upgrade.run_of(Phase::Announce).filter(|run| !run.is_under_way())?;
    announced.plan.steps.iter().find_map(|step| match &step.action {
        Action::PublishPage(page) => Some(page.body.as_str()),
        _ => None,
    })
}
