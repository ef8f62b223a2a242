//! The members of a balancer, and their health.

use std::collections::BTreeMap;

use cutover_core::names::{HostName, InstanceId};
use cutover_core::observation::Health;
use cutover_core::plan::Membership;
use cutover_core::words::some_of;

use super::named::NAMED;
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
    let mut waited_for: BTreeMap<&str, Vec<&HostName>> = BTreeMap::new();
    for (host, instance) in members.hosts.iter().zip(context.instances(&members.hosts)?) {
        if let Some(why) = not_in_service(health.get(&instance)) {
            waited_for.entry(why).or_default().push(&host.name);
        }
    }
    if waited_for.is_empty() {
        return Ok(Seen::holds());
    }
    let all = members.hosts.len();
    let serving = all - waited_for.values().map(Vec::len).sum::<usize>();
    let others = waited_for.iter().map(|(why, hosts)| format!("{}: {why}", some_of(hosts, NAMED)));
    let others = others.collect::<Vec<_>>().join("; ");
    Ok(Seen::UnderWay(format!("{serving} of {all} hosts in service in {}; {others}", members.balancer)))
}

/// What a balancer says of a host to which it sends no requests.
fn not_in_service(health: Option<&Health>) -> Option<&'static str> {
    match health {
        Some(Health::InService) => None,
        Some(Health::Registering) => Some("not checked often enough yet"),
        Some(Health::OutOfService) => Some("the balancer's checks fail"),
        Some(Health::Draining) => Some("being taken out of it"),
        None => Some("not a member"),
    }
}

pub(super) async fn drained(context: &StepContext<'_>, members: &Membership) -> Answer<Seen> {
    let health = health(context, members).await?;
    let hosts = members.hosts.iter().zip(context.instances(&members.hosts)?);
    let left: Vec<&HostName> =
        hosts.filter(|(_, instance)| health.contains_key(instance)).map(|(host, _)| &host.name).collect();
    if left.is_empty() {
        return Ok(Seen::holds());
    }
    let (count, all, named) = (left.len(), members.hosts.len(), some_of(&left, NAMED));
    Ok(Seen::UnderWay(format!("{count} of {all} hosts still draining in {}: {named}", members.balancer)))
}
