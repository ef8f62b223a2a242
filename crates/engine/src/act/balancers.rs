//! The members of a balancer, and their health.

use std::collections::BTreeMap;

use cutover_core::names::InstanceId;
use cutover_core::observation::Health;
use cutover_core::plan::Membership;

use super::recorded::recorded;
use super::{Seen, StepContext};
use crate::gate::Permit;
use crate::halt::WriteError;
use crate::ports::Answer;

async fn health(context: &StepContext<'_>, members: &Membership) -> Answer<BTreeMap<InstanceId, Health>> {
    context.ask(async |world| world.balancers.health(&members.balancer).await).await
}

pub(super) async fn registered(context: &StepContext<'_>, members: &Membership) -> Answer<Seen> {
    let health = health(context, members).await?;
    let is_member = |instance| health.get(instance).is_some_and(|health| *health != Health::Draining);
    let missing = context.instances(&members.hosts)?.iter().filter(|instance| !is_member(*instance)).count();
    Ok(if missing == 0 { Seen::holds() } else { Seen::NotYet })
}

pub(super) async fn register(context: &StepContext<'_>, members: &Membership) -> Result<(), WriteError> {
    let (balancers, instances) = (&context.world.balancers, context.instances(&members.hosts)?);
    context.write("register", async |permit| balancers.register(permit, &members.balancer, &instances).await).await
}

/// Whether the balancer sends no new requests to the hosts. They may still be draining.
pub(super) async fn deregistered(context: &StepContext<'_>, members: &Membership) -> Answer<Seen> {
    let health = health(context, members).await?;
    let is_out = |instance| health.get(instance).is_none_or(|health| *health == Health::Draining);
    Ok(if context.instances(&members.hosts)?.iter().all(is_out) { Seen::holds() } else { Seen::NotYet })
}

pub(super) async fn deregister(context: &StepContext<'_>, members: &Membership) -> Result<(), WriteError> {
    let balancers = &context.world.balancers;
    let check = async || Ok(recorded(context, &members.hosts, "taken out of the balancer").await?);
    let deregister = async |permit: &Permit, instances: &Vec<InstanceId>| {
        balancers.deregister(permit, &members.balancer, instances).await
    };
    context.write_checked("deregister", check, deregister).await
}

pub(super) async fn healthy(context: &StepContext<'_>, members: &Membership) -> Answer<Seen> {
    let health = health(context, members).await?;
    let instances = context.instances(&members.hosts)?;
    let serving = instances.iter().filter(|instance| health.get(*instance) == Some(&Health::InService)).count();
    if serving == instances.len() {
        return Ok(Seen::holds());
    }
    Ok(Seen::UnderWay(format!("{serving} of {} hosts in service in {}", instances.len(), members.balancer)))
}

pub(super) async fn drained(context: &StepContext<'_>, members: &Membership) -> Answer<Seen> {
    let health = health(context, members).await?;
    let left = context.instances(&members.hosts)?.iter().filter(|instance| health.contains_key(*instance)).count();
    if left == 0 {
        return Ok(Seen::holds());
    }
    Ok(Seen::UnderWay(format!("{left} of {} hosts still draining in {}", members.hosts.len(), members.balancer)))
}
