//! Hosts: launched and terminated.

use cutover_core::journal::Fact;
use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::{Instance, InstanceState, SHOWN_WITHIN, any_in_service};
use cutover_core::plan::{Host, Launch};

use super::fate::{Fate, fate};
use super::recorded::recorded;
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::gate::Permit;
use crate::halt::WriteError;
use crate::ports::Answer;

/// A host is found by its name among the instances of this upgrade only, because old hosts may have the same name.
async fn find(context: &StepContext<'_>, launch: &Launch) -> Answer<Option<Instance>> {
    let upgrade = context.journal.upgrade().id.clone();
    let instances = context.listed().await?;
    let found = instances
        .named(&launch.name)
        .find(|instance| instance.upgrade == upgrade && instance.upgrade.is_some() && instance.lives());
    Ok(found.cloned())
}

pub(super) async fn launched(context: &StepContext<'_>, launch: &Launch) -> Answer<Seen> {
    let Some(instance) = find(context, launch).await? else { return not_listed(context, launch).await };
    // Recorded now, because the id of a host that never boots must be known too.
    context.note(Fact::Launched { host: launch.name.clone(), instance: instance.id.clone() });
    match instance.state {
        InstanceState::Running => Ok(Seen::holds()),
        InstanceState::Pending => Ok(Seen::UnderWay(format!("{} is pending", instance.id))),
        InstanceState::Stopping | InstanceState::Stopped => {
            Ok(Seen::never(format!("{} was stopped", instance.id), "start it, or terminate it"))
        }
        _ => Ok(Seen::UnderWay(format!("{} is running, but its status checks have not passed yet", instance.id))),
    }
}

/// For when no running instance is listed under the host's name. After a failure another one is launched, so the one on
/// record must really be gone, and not just be missing from the list so far.
async fn not_listed(context: &StepContext<'_>, launch: &Launch) -> Answer<Seen> {
    let known = context.journal.upgrade().launched.get(&launch.name).cloned();
    let Some(id) = known.filter(|_| context.failures > 0) else { return Ok(Seen::NotYet) };
    let is_listed = context.listed().await?.get(&id).is_some();
    let may_show_yet = !is_listed && context.in_this_process() < SHOWN_WITHIN;
    if !may_show_yet && matches!(fate(context, &id, false).await?, Fate::Gone | Fate::Going) {
        return Ok(Seen::NotYet);
    }
    Ok(Seen::UnderWay(format!("{id} was launched as {}, and is not listed under that name", launch.name)))
}

pub(super) async fn launch(context: &StepContext<'_>, launch: &Launch) -> Result<(), WriteError> {
    let (compute, image) = (&context.world.compute, context.image(&launch.image)?);
    // The number of failures is part of the token: with the same token, EC2 would return an instance that died while
    // pending.
    let token = format!("{}-{}-{}", context.token(), launch.generation, context.failures);
    let call = async |permit: &Permit| compute.launch(permit, launch, &image, &token).await;
    let instance = context.write("launch", call).await?;
    Ok(context.learn(Fact::Launched { host: launch.name.clone(), instance }).await?)
}

pub(super) async fn terminated(context: &StepContext<'_>, host: &Host) -> Answer<Seen> {
    let id = context.instance(host)?;
    let fact = || Fact::Terminated { host: host.name.clone(), instance: id.clone() };
    match fate(context, &id, false).await? {
        Fate::Gone => Ok(Seen::Holds(vec![fact()])),
        Fate::Going => Ok(Seen::UnderWay(format!("{id} is shutting down"))),
        Fate::Unlisted => Ok(Seen::never(
            format!(
                "{} ({id}) exists, but is not listed with this deployment's tags, so it was not terminated",
                host.name
            ),
            "find out who changed them",
        )),
        Fate::Lives | Fate::Stopping | Fate::Stopped => Ok(Seen::NotYet),
    }
}

/// Terminates a host, if it is in no balancer and its identity is certain. Otherwise this is refused.
pub(super) async fn terminate(
    context: &StepContext<'_>,
    host: &Host,
    balancers: &[BalancerName],
) -> Result<(), WriteError> {
    let (id, compute) = (context.instance(host)?, &context.world.compute);
    let check = async || Ok(may_be_terminated(context, host, &id, balancers).await?);
    context.write_checked("terminate", check, async |permit, ()| compute.terminate(permit, &id).await).await
}

/// Refuses to terminate a host that is a member of a balancer, or that is not known to be one of this upgrade, or any host
/// while sites are not served: it may be the way back.
async fn may_be_terminated(
    context: &StepContext<'_>,
    host: &Host,
    id: &InstanceId,
    balancers: &[BalancerName],
) -> Answer<()> {
    for balancer in balancers {
        let members = context.ask(async |_| context.readings.health(balancer).await).await?;
        if members.contains_key(id) {
            let why = format!("{} ({id}) is still registered in {balancer}, so it was not terminated", host.name);
            return Err(Failure::permanent(why).with_hint("take it out first"));
        }
        if !any_in_service(&members) {
            let why = format!("no host of {balancer} is in service, so {} ({id}) was not terminated", host.name);
            return Err(Failure::permanent(why).with_hint("it may be needed to serve the sites: see to them first"));
        }
    }
    recorded(context, std::slice::from_ref(host), "terminated").await.map(|_| ())
}
