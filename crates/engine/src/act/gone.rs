//! What has become of a host that does not answer. One that is terminated runs nothing any more, so a current host that
//! is gone counts as stopped, and an upgrade can go on without a next host that is gone. A host that is only missing from
//! the list, or that is stopped and may be started again, is not gone.

use cutover_core::journal::{Fact, RunKind, hosts_needed, page_was_posted};
use cutover_core::names::InstanceId;
use cutover_core::observation::InstanceState;
use cutover_core::plan::{Action, Host, Plan, Step};

use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::ports::Answer;

/// What has become of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It may still run.
    Lives,
    /// It is being terminated.
    Going,
    /// It is terminated.
    Gone,
}

/// The fate of an instance according to a recent list. A host that does not answer may have been terminated since, so
/// for that one EC2 is asked.
async fn fate(context: &StepContext<'_>, id: &InstanceId, is_silent: bool) -> Answer<Fate> {
    let listed = context.listed().await?;
    let state = listed.get(id).map(|instance| instance.state);
    Ok(match state {
        Some(InstanceState::Terminated) => Fate::Gone,
        Some(InstanceState::ShuttingDown) => Fate::Going,
        Some(_) if !is_silent => Fate::Lives,
        // With the wrong region or account, every host would seem to be gone.
        None if listed.is_empty() => Fate::Lives,
        // A host may also be missing from the list because its tags were removed.
        _ if context.ask(async |world| world.compute.lives(id).await).await? => Fate::Lives,
        Some(_) => Fate::Going,
        None => Fate::Gone,
    })
}

/// Whether an instance is known to be terminated.
pub(super) async fn is_gone(context: &StepContext<'_>, id: &InstanceId) -> bool {
    fate(context, id, true).await == Ok(Fate::Gone)
}

/// Whether the services of a host that did not answer, which is why `failure` was returned, are stopped: it is gone, and
/// the upgrade does not need it any more. The failure is returned again if it may still run.
pub(super) async fn stopped_for_good(
    context: &StepContext<'_>,
    host: &Host,
    id: &InstanceId,
    failure: Failure,
) -> Answer<Seen> {
    if !runs_old_code_or_nothing(context, host, id) {
        return Err(failure);
    }
    match fate(context, id, true).await {
        Ok(Fate::Gone) => {
            let text = format!("{} ({id}) is gone, so its services are stopped for good", host.name);
            Ok(Seen::Holds(vec![Fact::Note { text }]))
        }
        Ok(Fate::Going) => Ok(Seen::UnderWay(format!("{} ({id}) is shutting down", host.name))),
        Ok(Fate::Lives) | Err(_) => Err(failure),
    }
}

/// Whether a host is a current one, or a next one that the plan of the window goes on without.
fn runs_old_code_or_nothing(context: &StepContext<'_>, host: &Host, id: &InstanceId) -> bool {
    let upgrade = context.journal.upgrade();
    if upgrade.captured.iter().flatten().any(|current| current.instance == *id) {
        return true;
    }
    let window = upgrade.current_run().filter(|run| run.kind == RunKind::Window);
    window.is_some_and(|run| !starts(&run.plan, host))
}

fn starts(plan: &Plan, host: &Host) -> bool {
    plan.steps.iter().any(|step| matches!(&step.action, Action::StartServices(start) if start.host == *host))
}

/// The hosts that a step of the window needs and that are gone. At its opening, all hosts of the plan are needed; after
/// that the next ones, and without those that are gone the window has to be planned again.
pub(crate) async fn missed(context: &StepContext<'_>) -> Answer<Vec<Fact>> {
    let mut missed = Vec::new();
    for host in needed(context) {
        let Ok(id) = context.instance(&host) else { continue };
        let is_silent = !matches!(context.step.action, Action::WaitUntil { .. });
        if fate(context, &id, is_silent).await? != Fate::Lives {
            missed.push(Fact::Gone { host: host.name, instance: id });
        }
    }
    Ok(missed)
}

fn needed(context: &StepContext<'_>) -> Vec<Host> {
    let upgrade = context.journal.upgrade();
    let Some(run) = upgrade.current_run().filter(|run| run.kind == RunKind::Window) else { return Vec::new() };
    let hosts: Vec<&Host> = match &context.step.action {
        Action::WaitUntil { .. } if !page_was_posted(run) => return hosts_needed(run).cloned().collect(),
        Action::StartServices(start) => vec![&start.host],
        Action::Migrate(migrate) => vec![&migrate.host],
        Action::ConfirmStopped { hosts, .. } => hosts.iter().map(|host| &host.host).collect(),
        Action::Register(members) | Action::AwaitHealthy(members) => members.hosts.iter().collect(),
        _ => Vec::new(),
    };
    hosts.into_iter().filter(|host| starts(&run.plan, host)).cloned().collect()
}

/// What to do about hosts that are gone, for a failed step; nothing if there are none.
pub(crate) fn without(step: &Step, missed: &[Fact]) -> Option<String> {
    let names: Vec<&str> = missed
        .iter()
        .filter_map(|fact| match fact {
            Fact::Gone { host, .. } => Some(host.as_str()),
            _ => None,
        })
        .collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    let what_to_do = match step.action {
        Action::WaitUntil { .. } => "find out who removed that, then run `cutover prepare` again with `--replan`",
        _ => "to go on without what is gone, run `cutover window` again with `--replan`",
    };
    (!names.is_empty()).then(|| format!("{} {verb} gone; {what_to_do}", names.join(", ")))
}
