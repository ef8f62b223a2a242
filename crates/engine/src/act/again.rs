//! Services that must stay stopped, on many hosts: looked at together, and stopped again if something has started them.
//!
//! What they write meanwhile is missing from snapshots that were taken before. Nothing is migrated then unless another
//! snapshot is taken, or an operator goes on with that one.

use std::time::Duration;

use cutover_core::journal::Fact;
use cutover_core::names::{HostName, ProgramName, SnapshotId};
use cutover_core::plan::{Host, HostPrograms, Work};
use cutover_core::words::some_of;
use cutover_hosts::supervisor::Verb;

use super::gone::stopped_for_good;
use super::manner::grace;
use super::supervised::{Subject, change_of_pids, order, states, up};
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::halt::WriteError;
use crate::ports::Answer;
use crate::slots::StepSlot;

/// Looks at each of these hosts with a connection of its own, and returns what was found on those where it was something.
async fn found<'a, T>(
    context: &StepContext<'_>,
    hosts: &'a [HostPrograms],
    look: impl AsyncFn(&StepSlot<'_>, &Subject<'_>) -> Answer<Option<T>>,
) -> Answer<Vec<(Subject<'a>, T)>> {
    let looks = hosts.iter().map(|host| async {
        // This is one step, but each host needs a connection.
        let slot = StepSlot::new(context.slots, Work::Connections);
        let subject = Subject::new(context, &host.host, &host.supervisorctl, &host.programs)?;
        let found = unless_gone(context, &slot, &host.host, &subject, &look).await?;
        Ok::<_, Failure>(found.map(|found| (subject, found)))
    });
    let looked = futures_util::future::try_join_all(looks).await?;
    Ok(looked.into_iter().flatten().collect())
}

/// How often a host that is shutting down is looked at again.
const GOING: Duration = Duration::from_secs(10);

/// What was found on a host; nothing on one that is gone, once it is.
async fn unless_gone<T>(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    host: &Host,
    subject: &Subject<'_>,
    look: &impl AsyncFn(&StepSlot<'_>, &Subject<'_>) -> Answer<Option<T>>,
) -> Answer<Option<T>> {
    loop {
        let failure = match look(slot, subject).await {
            Ok(found) => return Ok(found),
            Err(failure) => failure,
        };
        match stopped_for_good(context, host, &subject.id, failure.clone()).await? {
            Seen::Holds(facts) => {
                facts.into_iter().for_each(|fact| context.note(fact));
                return Ok(None);
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

/// The hosts on which programs run that must be stopped, with those programs, according to supervisor.
pub(super) async fn running_again<'a>(
    context: &StepContext<'_>,
    hosts: &'a [HostPrograms],
) -> Answer<Vec<(Subject<'a>, Vec<ProgramName>)>> {
    let look = async |slot: &StepSlot<'_>, subject: &Subject<'_>| {
        let states = states(context, slot, subject).await?;
        change_of_pids(context, subject, &states);
        let up: Vec<ProgramName> =
            states.into_iter().filter(|(_, status)| !status.state.is_down()).map(|(program, _)| program).collect();
        Ok(if up.is_empty() { None } else { Some(up) })
    };
    found(context, hosts, look).await
}

/// Observes whether nothing runs on any of the hosts, and whether the `snapshots` hold all that was written there.
pub(super) async fn still_stopped(
    context: &StepContext<'_>,
    hosts: &[HostPrograms],
    snapshots: &[SnapshotId],
) -> Answer<Seen> {
    let look = async |slot: &StepSlot<'_>, subject: &Subject<'_>| {
        let up = up(context, slot, subject).await?;
        Ok(if up.is_empty() { None } else { Some(up) })
    };
    let found = found(context, hosts, look).await?;
    if found.is_empty() {
        return Ok(match lacking(context, snapshots) {
            Some(failure) => Seen::Never(failure),
            None => Seen::Holds(vec![Fact::Note { text: format!("hosts with all services stopped: {}", hosts.len()) }]),
        });
    }
    for (subject, up) in &found {
        up.notes(subject.name).into_iter().for_each(|text| context.note(Fact::Note { text }));
        context.note(ran_again(context, subject.name, &up.all_programs(), snapshots));
    }
    let told = context.told_to_stop.get().map(|told| told.at_least_until(context.clock.moment()));
    let was_just_told = told.is_some_and(|ago| ago < grace(&context.step.action));
    // What was told to stop a moment ago may not have heard of it yet, and what is started later is told again.
    if !was_just_told && found.iter().any(|(_, up)| !up.is_told()) {
        return Ok(Seen::NotYet);
    }
    let words: Vec<String> = found.iter().map(|(subject, up)| format!("{} on {}", up.words(), subject.name)).collect();
    Ok(Seen::UnderWay(format!("still running: {}", words.join("; "))))
}

/// Stops services that something has started again without the operator, and records that.
pub(super) async fn stop_again(
    context: &StepContext<'_>,
    hosts: &[HostPrograms],
    snapshots: &[SnapshotId],
) -> Result<(), WriteError> {
    for (subject, programs) in running_again(context, hosts).await? {
        context.learn(ran_again(context, subject.name, &programs, snapshots)).await?;
        order(context, "stop", Verb::Stop, &subject, programs, Vec::new()).await?;
    }
    context.told_to_stop.set(Some(context.clock.moment()));
    Ok(())
}

/// Programs that were found running, with the `snapshots` that were taken already: these may lack what they have written.
pub(super) fn ran_again(
    context: &StepContext<'_>,
    host: &HostName,
    programs: &[ProgramName],
    snapshots: &[SnapshotId],
) -> Fact {
    let upgrade = context.journal.upgrade();
    let taken = snapshots.iter().filter(|id| upgrade.snapshots.contains_key(*id));
    Fact::RanAgain { host: host.clone(), programs: programs.to_vec(), snapshots: taken.cloned().collect() }
}

/// Why the migrations may not begin although everything is stopped: a snapshot lacks what was written after it. An
/// operator may allow it by `--retry`.
fn lacking(context: &StepContext<'_>, snapshots: &[SnapshotId]) -> Option<Failure> {
    let upgrade = context.journal.upgrade();
    let outdated: Vec<&str> =
        snapshots.iter().filter(|id| upgrade.outdated_snapshots.contains(*id)).map(SnapshotId::as_str).collect();
    if outdated.is_empty() || context.run().retry_approved {
        return None;
    }
    let why = format!(
        "services that were stopped had been started again{}. They are stopped now, and what they wrote meanwhile may be \
         missing from snapshot {}",
        started_again(&context.run().facts),
        outdated.join(", ")
    );
    let hint = format!(
        "find out what starts them, then run `cutover window` again with `--replan`, which takes the snapshot again; or \
         go on with the snapshot as it is: --retry {}",
        context.step.id
    );
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
