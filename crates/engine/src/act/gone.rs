//! What has become of a host that does not answer. One that is terminated runs nothing any more, so a current host that
//! is gone counts as stopped, and an upgrade can go on without a next host that is gone. A host that is only missing from
//! the list, or that is stopped and may be started again, is not gone.

use cutover_core::journal::{Fact, RunKind, Upgrade};
use cutover_core::names::InstanceId;
use cutover_core::observation::InstanceState;
use cutover_core::plan::{Action, Host, Plan};

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

async fn fate(context: &StepContext<'_>, id: &InstanceId) -> Answer<Fate> {
    let listed = context.listed().await?;
    Ok(match listed.get(id).map(|instance| instance.state) {
        Some(InstanceState::Terminated) => Fate::Gone,
        Some(InstanceState::ShuttingDown) => Fate::Going,
        Some(_) => Fate::Lives,
        // With the wrong region or account, every host would seem to be gone.
        None if listed.is_empty() => Fate::Lives,
        // A host may also be missing from the list because its tags were removed.
        None if context.ask(async |world| world.compute.lives(id).await).await? => Fate::Lives,
        None => Fate::Gone,
    })
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
    match fate(context, id).await {
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

/// The next hosts that a step of the window has failed for because they are gone. The window has to be planned again
/// without them.
pub(crate) async fn missed(context: &StepContext<'_>) -> Vec<Fact> {
    let mut missed = Vec::new();
    for host in needed(context) {
        let Ok(id) = context.instance(&host) else { continue };
        let is_next = context.journal.upgrade().launched.get(&host.name) == Some(&id);
        if is_next && fate(context, &id).await == Ok(Fate::Gone) {
            missed.push(Fact::Gone { host: host.name, instance: id });
        }
    }
    missed
}

/// The hosts of the step whose services the plan starts.
fn needed(context: &StepContext<'_>) -> Vec<Host> {
    let hosts: Vec<&Host> = match &context.step.action {
        Action::StartServices(start) => vec![&start.host],
        Action::Migrate(migrate) => vec![&migrate.host],
        Action::ConfirmStopped { hosts } => hosts.iter().map(|host| &host.host).collect(),
        Action::Register(members) | Action::AwaitHealthy(members) => members.hosts.iter().collect(),
        _ => Vec::new(),
    };
    let is_needed = |upgrade: &Upgrade, host: &Host| {
        upgrade.current_run().is_some_and(|run| run.kind == RunKind::Window && starts(&run.plan, host))
    };
    hosts.into_iter().filter(|host| is_needed(&context.journal.upgrade(), host)).cloned().collect()
}

/// What to do about next hosts that are gone, for a failed step; nothing if there are none.
pub(crate) fn without(missed: &[Fact]) -> Option<String> {
    let names: Vec<&str> = missed
        .iter()
        .filter_map(|fact| match fact {
            Fact::Gone { host, .. } => Some(host.as_str()),
            _ => None,
        })
        .collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    let go_on = "to go on without what is gone, plan the window again with `--replan`";
    (!names.is_empty()).then(|| format!("{} {verb} gone; {go_on}", names.join(", ")))
}
