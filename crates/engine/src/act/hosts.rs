//! Hosts and the services on them.

use std::time::Duration;

use cutover_core::deployment::{PastStopLimit, SmokeTest};
use cutover_core::journal::Fact;
use cutover_core::names::{BalancerName, FleetName, InstanceId, ProgramName};
use cutover_core::observation::{Instance, InstanceState, SHOWN_WITHIN};
use cutover_core::plan::{Host, HostPrograms, Launch, StartServices, StopServices, Work};
use cutover_core::time::human;

use super::gone::stopped_for_good;
use super::recorded::recorded;
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::gate::Permit;
use crate::halt::WriteError;
use crate::hints::WRONG_ACCOUNT;
use crate::ports::{Answer, ProgramState};
use crate::slots::StepSlot;

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
        InstanceState::Stopped => Ok(Seen::never(format!("{} was stopped", instance.id), "start it, or terminate it")),
        _ => Ok(Seen::UnderWay(format!("{} is running, but its status checks have not passed yet", instance.id))),
    }
}

/// For when no running instance is listed under the host's name. After a failure another one is launched, so the one on
/// record must really be gone, and not just be missing from the list so far.
async fn not_listed(context: &StepContext<'_>, launch: &Launch) -> Answer<Seen> {
    let known = context.journal.upgrade().launched.get(&launch.name).cloned();
    let Some(id) = known.filter(|_| context.failures > 0) else { return Ok(Seen::NotYet) };
    let is_listed = context.listed().await?.get(&id).is_some();
    let may_show_yet = context.in_this_process() < SHOWN_WITHIN;
    if is_listed || !may_show_yet && !context.ask(async |world| world.compute.lives(&id).await).await? {
        return Ok(Seen::NotYet);
    }
    Ok(Seen::UnderWay(format!("{id} was launched as {}, and is not listed", launch.name)))
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
    let instances = context.listed().await?;
    match instances.get(&id).map(|instance| instance.state) {
        Some(InstanceState::Terminated) => Ok(Seen::Holds(vec![fact()])),
        // With the wrong region or account, every host would seem to be gone.
        None if instances.is_empty() => Err(Failure::permanent(format!(
            "no host of this deployment is listed at all, so it is not known whether {} ({id}) is gone",
            host.name
        ))
        .with_hint(WRONG_ACCOUNT)),
        // A host may also be missing from the list because its tags were removed.
        None if context.ask(async |world| world.compute.lives(&id).await).await? => Ok(Seen::never(
            format!(
                "{} ({id}) exists, but is not listed with this deployment's tags, so it was not terminated",
                host.name
            ),
            "find out who changed them",
        )),
        None => Ok(Seen::Holds(vec![fact()])),
        Some(InstanceState::ShuttingDown) => Ok(Seen::UnderWay(format!("{id} is shutting down"))),
        Some(_) => Ok(Seen::NotYet),
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

/// Refuses to terminate a host that is a member of a balancer, or that is not known to be one of this upgrade.
async fn may_be_terminated(
    context: &StepContext<'_>,
    host: &Host,
    id: &InstanceId,
    balancers: &[BalancerName],
) -> Answer<()> {
    for balancer in balancers {
        if context.ask(async |_| context.readings.health(balancer).await).await?.contains_key(id) {
            let why = format!("{} ({id}) is still registered in {balancer}, so it was not terminated", host.name);
            return Err(Failure::permanent(why).with_hint("take it out first"));
        }
    }
    recorded(context, std::slice::from_ref(host), "terminated").await.map(|_| ())
}

pub(super) async fn smoke_test(context: &StepContext<'_>, host: &Host, tests: &[SmokeTest]) -> Answer<()> {
    let id = context.instance(host)?;
    let mut failed = Vec::new();
    for test in tests {
        let (exit, output) = context.ask(async |world| world.hosts.smoke_test(&id, test).await).await?;
        let missing = test.contains.as_ref().filter(|text| !output.contains(text.as_str()));
        if exit != 0 {
            failed.push(format!("{}: exit status {exit}: {}", test.name, last_line(&output)));
        } else if let Some(text) = missing {
            failed.push(format!("{}: `{text}` does not appear in what it printed", test.name));
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::permanent(format!("{} of {} smoke tests failed: {}", failed.len(), tests.len(), failed.join("; "))))
}

fn last_line(output: &str) -> &str {
    output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed nothing")
}

/// The programs on a host that are not stopped, with their states.
async fn not_stopped(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    id: &InstanceId,
    programs: &[ProgramName],
) -> Answer<Vec<(ProgramName, ProgramState)>> {
    let states = context.ask_with(slot, async |world| world.hosts.programs(id, programs).await).await?;
    let up = |state: &ProgramState| !matches!(state, ProgramState::Stopped | ProgramState::Failed);
    Ok(states.into_iter().filter(|(_, state)| up(state)).collect())
}

pub(super) async fn stopped(context: &StepContext<'_>, stop: &StopServices) -> Answer<Seen> {
    let id = context.instance(&stop.host)?;
    let up = match not_stopped(context, &context.slot, &id, &stop.programs).await {
        Ok(up) => up,
        Err(failure) => return stopped_for_good(context, &stop.host, &id, failure).await,
    };
    if up.is_empty() {
        return Ok(Seen::holds());
    }
    if up.iter().any(|(_, state)| *state != ProgramState::Stopping) {
        return Ok(Seen::NotYet);
    }
    let elapsed = since_told(context);
    let names: Vec<&str> = up.iter().map(|(program, _)| program.as_str()).collect();
    if elapsed < stop.stop_limit {
        return Ok(Seen::UnderWay(["still stopping: ", &names.join(", ")].concat()));
    }
    match stop.past_stop_limit {
        // The next call kills them: see `stop`.
        PastStopLimit::Kill => Ok(Seen::NotYet),
        PastStopLimit::Abort => Ok(Seen::never(
            format!("{} on {} still run after {}", names.join(", "), stop.host.name, human(elapsed)),
            "let them end and run the phase again, or kill them by hand",
        )),
    }
}

/// Tells programs to stop. Those that have not stopped in time are killed, if the deployment file says so. If the host
/// goes away meanwhile, nothing is left to stop.
pub(super) async fn stop(context: &StepContext<'_>, stop: &StopServices) -> Result<(), WriteError> {
    let id = context.instance(&stop.host)?;
    match stop_there(context, stop, &id).await {
        Err(WriteError::Failed(failure)) => {
            Ok(stopped_for_good(context, &stop.host, &id, failure).await.map(|_| ())?)
        }
        answer => answer,
    }
}

async fn stop_there(context: &StepContext<'_>, stop: &StopServices, id: &InstanceId) -> Result<(), WriteError> {
    let up = not_stopped(context, &context.slot, id, &stop.programs).await?;
    let stopping: Vec<ProgramName> =
        up.iter().filter(|(_, state)| *state == ProgramState::Stopping).map(|(program, _)| program.clone()).collect();
    let past_limit = since_told(context) >= stop.stop_limit;
    let hosts = &context.world.hosts;
    if past_limit && stop.past_stop_limit == PastStopLimit::Kill && !stopping.is_empty() {
        // Recorded before the kill: its answer may be lost, or this process may end, and interrupted tasks must be
        // reported.
        context.learn(Fact::Killed { host: stop.host.name.clone(), programs: stopping.clone() }).await?;
        return context.write("kill", async |permit| hosts.kill(permit, id, &stopping).await).await;
    }
    let call = async |permit: &Permit| hosts.stop(permit, id, &stop.supervisorctl, &stop.programs).await;
    let answer = context.write("stop", call).await;
    context.told_to_stop.set(Some(context.clock.moment()));
    answer
}

/// How long programs have had to stop. That an earlier process started the step does not say that it told them to stop,
/// so they get their whole time again from a process that takes the step up.
fn since_told(context: &StepContext<'_>) -> Duration {
    context.told_to_stop.get().unwrap_or(context.taken_up).at_least_until(context.clock.moment())
}

pub(super) async fn started(context: &StepContext<'_>, start: &StartServices) -> Answer<Seen> {
    let id = context.instance(&start.host)?;
    let states = context.ask(async |world| world.hosts.programs(&id, &start.programs).await).await?;
    let in_state = |wanted: ProgramState| {
        states.iter().filter(|(_, state)| *state == wanted).map(|(program, _)| program.as_str()).collect::<Vec<_>>()
    };
    let (running, starting, failed) =
        (in_state(ProgramState::Running), in_state(ProgramState::Starting), in_state(ProgramState::Failed));
    if running.len() == start.programs.len() {
        return Ok(Seen::holds());
    }
    if !failed.is_empty() {
        let names = failed.join(", ");
        let why = format!("{names} on {} could not be kept running", start.host.name);
        return Ok(Seen::never(why, "read their logs there"));
    }
    if running.len() + starting.len() == start.programs.len() {
        return Ok(Seen::UnderWay(["starting: ", &starting.join(", ")].concat()));
    }
    Ok(Seen::NotYet)
}

pub(super) async fn start(context: &StepContext<'_>, start: &StartServices) -> Result<(), WriteError> {
    let (hosts, id) = (&context.world.hosts, context.instance(&start.host)?);
    let call = async |permit: &Permit| hosts.start(permit, &id, &start.supervisorctl, &start.programs).await;
    context.write("start", call).await
}

/// The hosts on which programs are running that must be stopped, with those programs. A host that is gone runs nothing.
pub(super) async fn running_again<'a>(
    context: &StepContext<'_>,
    hosts: &'a [HostPrograms],
) -> Answer<Vec<(&'a HostPrograms, InstanceId, Vec<ProgramName>)>> {
    let looks = hosts.iter().map(|host| async move {
        // This is one step, but each host needs a connection.
        let slot = StepSlot::new(context.slots, Work::Connections);
        let id = context.instance(&host.host)?;
        let up = stopped_or_gone(context, &slot, host, &id).await?;
        Ok::<_, Failure>((host, id, up.into_iter().map(|(program, _)| program).collect::<Vec<_>>()))
    });
    let looked = futures_util::future::try_join_all(looks).await?;
    Ok(looked.into_iter().filter(|(_, _, programs)| !programs.is_empty()).collect())
}

/// How often a host that is shutting down is looked at again.
const GOING: Duration = Duration::from_secs(10);

/// The programs on a host that are not stopped; none on one that is gone, once it is.
async fn stopped_or_gone(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    host: &HostPrograms,
    id: &InstanceId,
) -> Answer<Vec<(ProgramName, ProgramState)>> {
    loop {
        let failure = match not_stopped(context, slot, id, &host.programs).await {
            Ok(up) => return Ok(up),
            Err(failure) => failure,
        };
        match stopped_for_good(context, &host.host, id, failure.clone()).await? {
            Seen::Holds(facts) => {
                facts.into_iter().for_each(|fact| context.note(fact));
                return Ok(Vec::new());
            }
            Seen::UnderWay(why) if context.in_this_process() < context.step.limit => {
                slot.release();
                context.journal.mention(&context.step.id, &why);
                context.clock.sleep(GOING).await;
            }
            _ => return Err(failure),
        }
    }
}

pub(super) async fn still_stopped(context: &StepContext<'_>, hosts: &[HostPrograms]) -> Answer<Seen> {
    let running = running_again(context, hosts).await?;
    if running.is_empty() {
        return Ok(Seen::Holds(vec![Fact::Note { text: format!("hosts with all services stopped: {}", hosts.len()) }]));
    }
    if context.seen_since.get().is_none() {
        return Ok(Seen::NotYet);
    }
    let names: Vec<&str> = running.iter().map(|(host, _, _)| host.host.name.as_str()).collect();
    Ok(Seen::UnderWay(format!("stopping services that were started again: {}", names.join(", "))))
}

/// Stops services that something has started again without the operator, and records that.
pub(super) async fn stop_again(context: &StepContext<'_>, hosts: &[HostPrograms]) -> Result<(), WriteError> {
    let port = &context.world.hosts;
    for (host, id, programs) in running_again(context, hosts).await? {
        let names: Vec<&str> = programs.iter().map(ProgramName::as_str).collect();
        let text = format!("{} was running again on {} and is stopped again", names.join(", "), host.host.name);
        context.learn(Fact::Note { text }).await?;
        let stop = async |permit: &Permit| port.stop(permit, &id, &host.supervisorctl, &programs).await;
        context.write("stop", stop).await?;
    }
    context.seen_since.set(Some(context.clock.moment()));
    Ok(())
}

pub(super) async fn drained(context: &StepContext<'_>, fleet: &FleetName) -> Answer<Seen> {
    let tasks = context.ask(async |world| world.hosts.queued_tasks(fleet).await).await?;
    if tasks == 0 {
        return Ok(Seen::holds());
    }
    Ok(Seen::UnderWay(format!("{tasks} tasks of {fleet} are waiting or running")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_command_printed_the_last_line_with_anything_on_it_is_told() {
        assert_eq!(last_line("one\ntwo\n \n\n"), "two");
        assert_eq!(last_line(" \n"), "it printed nothing");
    }
}
