//! The services on hosts: stopped, started, and confirmed to be stopped.

use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::{Fact, RunKind, can_be_taken_again};
use cutover_core::names::{FleetName, InstanceId, ProgramName, SnapshotId};
use cutover_core::plan::{Host, HostPrograms, StartServices, StopServices, Work};
use cutover_core::time::human;
use cutover_core::words::some_of;

use super::gone::stopped_for_good;
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::gate::Permit;
use crate::halt::WriteError;
use crate::ports::{Answer, ProgramState};
use crate::slots::StepSlot;

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
    note_after_snapshot(context, stop, &up);
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

pub(super) async fn still_stopped(
    context: &StepContext<'_>,
    hosts: &[HostPrograms],
    snapshots: &[SnapshotId],
) -> Answer<Seen> {
    let running = running_again(context, hosts).await?;
    if running.is_empty() {
        return Ok(match lacking(context, snapshots) {
            Some(failure) => Seen::Never(failure),
            None => Seen::Holds(vec![Fact::Note { text: format!("hosts with all services stopped: {}", hosts.len()) }]),
        });
    }
    if context.seen_since.get().is_none() {
        return Ok(Seen::NotYet);
    }
    let names: Vec<&str> = running.iter().map(|(host, _, _)| host.host.name.as_str()).collect();
    Ok(Seen::UnderWay(format!("stopping services that were started again: {}", names.join(", "))))
}

/// Why the migrations may not begin although everything is stopped: a snapshot lacks what was written after it was begun.
/// Nothing if there is no such snapshot, or an operator has let the upgrade go on with it.
pub(super) fn lacking(context: &StepContext<'_>, snapshots: &[SnapshotId]) -> Option<Failure> {
    let upgrade = context.journal.upgrade();
    let outdated: Vec<&SnapshotId> = snapshots.iter().filter(|id| upgrade.outdated_snapshots.contains(*id)).collect();
    if outdated.is_empty() {
        return None;
    }
    let names: Vec<&str> = outdated.iter().map(|id| id.as_str()).collect();
    context.note(Fact::SnapshotsLack { snapshots: outdated.iter().map(|id| (*id).clone()).collect() });
    let why = format!(
        "services that must be stopped were running after the snapshot had been begun{}. They are stopped now, and what \
         they wrote may be missing from {}",
        started_again(&context.run().facts),
        names.join(", ")
    );
    let as_it_is = format!("go on with the snapshot as it is: --retry {}", context.step.id);
    let hint = match can_be_taken_again(&upgrade, outdated, Some(&context.step.id)) {
        true => format!(
            "find out what started them, then run `cutover window` again with `--replan`, which takes the snapshot \
             again; or {as_it_is}"
        ),
        false => format!(
            "a migration was begun, so the snapshot cannot be taken again; find out what is missing, and {as_it_is}"
        ),
    };
    Some(Failure::permanent(why).with_hint(hint))
}

/// What was found running, with the hosts, for the end of a clause; nothing if that is not among these facts.
fn started_again(facts: &[Fact]) -> String {
    let found = facts.iter().filter_map(|fact| match fact {
        Fact::RanAgain { host, programs, .. } => Some(format!("{} on {host}", joined(programs))),
        _ => None,
    });
    let found: Vec<String> = found.collect();
    if found.is_empty() { String::new() } else { format!(": {}", some_of(&found, SHOWN)) }
}

/// How many hosts are named of those on which something was found.
const SHOWN: usize = 3;

fn joined(programs: &[ProgramName]) -> String {
    programs.iter().map(ProgramName::as_str).collect::<Vec<&str>>().join(", ")
}

/// Stops services that something has started again without the operator, and records that.
pub(super) async fn stop_again(
    context: &StepContext<'_>,
    hosts: &[HostPrograms],
    snapshots: &[SnapshotId],
) -> Result<(), WriteError> {
    let port = &context.world.hosts;
    for (host, id, programs) in running_again(context, hosts).await? {
        context.learn(ran_again(context, &host.host, &programs, snapshots)).await?;
        let stop = async |permit: &Permit| port.stop(permit, &id, &host.supervisorctl, &programs).await;
        context.write("stop", stop).await?;
    }
    context.seen_since.set(Some(context.clock.moment()));
    Ok(())
}

/// Programs that were found running, with those of the `snapshots` that were begun already: they may lack what these
/// programs have written.
pub(super) fn ran_again(
    context: &StepContext<'_>,
    host: &Host,
    programs: &[ProgramName],
    snapshots: &[SnapshotId],
) -> Fact {
    let upgrade = context.journal.upgrade();
    let begun = snapshots.iter().filter(|id| upgrade.begun_snapshots.contains_key(*id));
    Fact::RanAgain { host: host.name.clone(), programs: programs.to_vec(), snapshots: begun.cloned().collect() }
}

/// Keeps on record that programs run which a window stops, if a snapshot of their databases was begun already: they were
/// started again, or the window is planned again.
fn note_after_snapshot(context: &StepContext<'_>, stop: &StopServices, up: &[(ProgramName, ProgramState)]) {
    let upgrade = context.journal.upgrade();
    if up.is_empty() || upgrade.begun_snapshots.is_empty() {
        return;
    }
    let Some(run) = upgrade.current_run().filter(|run| run.kind == RunKind::Window) else { return };
    let of_lane = run.plan.steps.iter().filter(|step| step.lane == context.step.lane);
    let snapshots: Vec<SnapshotId> = of_lane.flat_map(|step| run.snapshots_behind(step)).cloned().collect();
    let programs: Vec<ProgramName> = up.iter().map(|(program, _)| program.clone()).collect();
    let fact = ran_again(context, &stop.host, &programs, &snapshots);
    if matches!(&fact, Fact::RanAgain { snapshots, .. } if !snapshots.is_empty()) {
        context.note(fact);
    }
}

pub(super) async fn drained(context: &StepContext<'_>, fleet: &FleetName) -> Answer<Seen> {
    let tasks = context.ask(async |world| world.hosts.queued_tasks(fleet).await).await?;
    if tasks == 0 {
        return Ok(Seen::holds());
    }
    Ok(Seen::UnderWay(format!("{tasks} tasks of {fleet} are waiting or running")))
}
