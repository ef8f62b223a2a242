//! Services that must stay stopped, on many hosts: looked at together, and stopped again if something has started them.
//!
//! What they write meanwhile is missing from snapshots that were taken before. Nothing is migrated then unless another
//! snapshot is taken, or an operator goes on with that one.

use std::time::Duration;

use cutover_core::journal::{Fact, RunKind};
use cutover_core::names::{HostName, ProgramName, SnapshotId};
use cutover_core::plan::{Host, HostPrograms, Work};
use cutover_core::words::some_of;
use cutover_hosts::supervisor::Verb;

use super::first_contact::{started_again, words};
use super::gone::runs_nothing;
use super::kept_down::{cannot_be_kept_down, must_stay_down, not_kept_down_yet, note_held_files};
use super::last_look::may_run;
use super::named::NAMED_WITH_WORDS;
use super::orders::{OrderState, order, state_of_last_order};
use super::supervised::{Subject, Up, trace, up};
use super::unseen::{Unseen, found_and_unseen, refused};
use super::{Seen, StepContext};
use crate::failure::{Failure, FailureClass};
use crate::halt::WriteError;
use crate::ports::Answer;
use crate::slots::StepSlot;

/// What was found on hosts where it was something, and the hosts that could not be looked at.
type Found<'a, T> = (Vec<(Subject<'a>, T)>, Vec<Unseen<'a>>);

/// Looks at each of these hosts with a connection of its own. One that cannot be looked at does not hide the others.
async fn found<'a, T>(
    context: &StepContext<'_>,
    hosts: &'a [HostPrograms],
    look: impl AsyncFn(&StepSlot<'_>, &Subject<'_>) -> Answer<Option<T>>,
) -> Found<'a, T> {
    let looks = hosts.iter().map(|host| async {
        // This is one step, but each host needs a connection.
        let slot = StepSlot::new(context.slots, Work::Connections);
        let unseen = |id, why| Unseen { host: &host.host.name, id, why };
        let subject = Subject::stopped(context, host).map_err(|failure| unseen(None, failure))?;
        match unless_off(context, &slot, &host.host, &subject, &look).await {
            Ok(found) => Ok(found.map(|found| (subject, found))),
            Err(failure) => Err(unseen(Some(subject.id), failure)),
        }
    });
    found_and_unseen(futures_util::future::join_all(looks).await)
}

/// How often a host that is shutting down, or being stopped in EC2, is looked at again.
const GOING: Duration = Duration::from_secs(10);

/// What was found on a host; nothing on one that is gone or stopped in EC2, once it is.
async fn unless_off<T>(
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
        match runs_nothing(context, host, &subject.id, failure.clone()).await? {
            Seen::Holds(facts) => {
                facts.into_iter().for_each(|fact| context.note(fact));
                return Ok(None);
            }
            Seen::UnderWay(why) if context.in_this_process() < context.step.limit => {
                slot.release();
                context.mention(&why);
                context.clock.sleep(GOING).await;
            }
            _ => return Err(failure),
        }
    }
}

/// What runs and must be stopped, with its hosts: `lms, cms on edx-0`.
///
/// # Errors
/// When one of the hosts cannot be looked at. What was found on the others is kept for the record all the same.
pub(super) async fn running_again(
    context: &StepContext<'_>,
    hosts: &[HostPrograms],
    snapshots: &[SnapshotId],
) -> Answer<Vec<String>> {
    let (found, unseen) = found_running(context, hosts, snapshots, |host| may_run(context, host)).await;
    match refused(context, &unseen) {
        Some(failure) => Err(failure),
        None => Ok(found.iter().map(|(subject, up)| format!("{} on {}", up.words(subject), subject.name)).collect()),
    }
}

async fn found_running<'a>(
    context: &StepContext<'_>,
    hosts: &'a [HostPrograms],
    snapshots: &[SnapshotId],
    may_run: impl Fn(&HostName) -> bool,
) -> Found<'a, Up> {
    let look = async |slot: &StepSlot<'_>, subject: &Subject<'_>| {
        let up = up(context, slot, subject).await?;
        Ok(if up.is_empty() { None } else { Some(up) })
    };
    let (mut found, unseen) = found(context, hosts, look).await;
    found.retain(|(subject, _)| !may_run(subject.name));
    found
        .iter()
        .for_each(|(subject, up)| context.note(ran_again(context, subject.name, &up.all_programs(), snapshots)));
    (found, unseen)
}

/// Observes whether nothing runs on any of the hosts, and whether the `snapshots` hold all that was written there.
pub(super) async fn still_stopped(
    context: &StepContext<'_>,
    hosts: &[HostPrograms],
    snapshots: &[SnapshotId],
) -> Answer<Seen> {
    let look = async |slot: &StepSlot<'_>, subject: &Subject<'_>| {
        let standing = standing(context, slot, subject).await?;
        note_held_files(context, subject).await;
        let Some(standing) = standing else { return Ok(None) };
        // What runs there is known, also if the host does not say any more what has become of the order.
        let order = state_of_last_order(context, slot, &subject.id).await.unwrap_or(OrderState::Running);
        Ok(Some((standing, order)))
    };
    let (found, unseen) = found(context, hosts, look).await;
    for (subject, (standing, _)) in &found {
        standing.notes(subject.name).into_iter().for_each(|text| context.note(Fact::Note { text }));
        note_ran_again(context, subject, standing, snapshots);
    }
    if let Some(failure) = refused(context, &unseen) {
        return Err(failure);
    }
    if found.is_empty() {
        let looked_at: Vec<&HostName> = hosts.iter().map(|host| &host.host.name).collect();
        let text = format!("hosts with all services stopped: {}", hosts.len() - unseen.len());
        return Ok(match lacking(context, snapshots, &looked_at) {
            Some(failure) => Seen::Never(failure),
            None => Seen::Holds(vec![Fact::Note { text }]),
        });
    }
    if found.iter().any(|(_, (standing, order))| !standing.is_told(*order)) {
        return Ok(Seen::NotYet);
    }
    for (subject, (standing, order)) in &found {
        if standing.up.is_empty() && *order == OrderState::Ended {
            return Ok(Seen::Never(cannot_be_kept_down(context, subject, &standing.automatic).await?));
        }
    }
    let words = found.iter().map(|(subject, (standing, _))| standing.words(subject));
    Ok(Seen::UnderWay(words.collect::<Vec<_>>().join("; ")))
}

/// What is left to do on a host on which nothing may run.
struct Standing {
    up: Up,
    /// The programs that are down, and that supervisor would start when the host boots.
    automatic: Vec<ProgramName>,
}

/// What is left to do on a host; nothing if all is as it should be. Whether programs start again when the host boots is asked
/// right before visitors come back, because nobody looks at the host after that.
async fn standing(context: &StepContext<'_>, slot: &StepSlot<'_>, subject: &Subject<'_>) -> Answer<Option<Standing>> {
    let up = up(context, slot, subject).await?;
    let asks = up.is_empty() && context.step.looks_before_lift() && must_stay_down(context, subject.name);
    let automatic = if asks { started_again(context, slot, subject).await? } else { Vec::new() };
    Ok(if up.is_empty() && automatic.is_empty() { None } else { Some(Standing { up, automatic }) })
}

impl Standing {
    /// Whether the host was told to do all of it, given what has become of this step's last order.
    fn is_told(&self, order: OrderState) -> bool {
        match self.up.is_empty() {
            true => order != OrderState::Unknown,
            false => self.up.is_told() || order == OrderState::Running,
        }
    }

    fn words(&self, subject: &Subject<'_>) -> String {
        match self.up.is_empty() {
            true => not_kept_down_yet(subject, &self.automatic),
            false => format!("still running: {} on {}", self.up.words(subject), subject.name),
        }
    }

    /// What the journal keeps of it.
    fn notes(&self, host: &HostName) -> Vec<String> {
        let automatic = || format!("{} would have started again when {host} boots", words(&self.automatic));
        let automatic = (!self.automatic.is_empty()).then(automatic);
        self.up.notes(host).into_iter().chain(automatic).collect()
    }
}

fn note_ran_again(context: &StepContext<'_>, subject: &Subject<'_>, standing: &Standing, snapshots: &[SnapshotId]) {
    // Of a session nobody knows whether it is a program's.
    if !standing.up.is_empty() && standing.up.only_sessions().is_none() {
        context.note(ran_again(context, subject.name, &standing.up.all_programs(), snapshots));
    }
}

/// Stops services that something has started again without the operator, and records that. A host that cannot be told
/// does not keep the others from being told.
pub(super) async fn stop_again(
    context: &StepContext<'_>,
    hosts: &[HostPrograms],
    snapshots: &[SnapshotId],
) -> Result<(), WriteError> {
    let look = async |slot: &StepSlot<'_>, subject: &Subject<'_>| standing(context, slot, subject).await;
    let (found, unseen) = found(context, hosts, look).await;
    found.iter().for_each(|(subject, standing)| note_ran_again(context, subject, standing, snapshots));
    let mut failed = refused(context, &unseen);
    context.put_on_record().await?;
    for (subject, standing) in found {
        // What is left of programs that are down can be told nothing.
        if standing.up.running().is_empty() && standing.automatic.is_empty() {
            continue;
        }
        match stop(context, &subject, &standing).await {
            Err(WriteError::Failed(failure)) => failed = Some(less_certain(failed, failure)),
            answer => answer?,
        }
    }
    match failed {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

/// Tells programs to stop, or all of them to stay down where that is so: the others must not start when the host boots either.
async fn stop(context: &StepContext<'_>, subject: &Subject<'_>, standing: &Standing) -> Result<(), WriteError> {
    trace(context, &StepSlot::new(context.slots, Work::Connections), subject).await?;
    let (verb, programs) = match must_stay_down(context, subject.name) {
        true => (Verb::StopForGood, subject.programs.to_vec()),
        false => (Verb::Stop, standing.up.running()),
    };
    order(context, "stop", verb, subject, programs, Vec::new()).await
}

/// Of two failed writes, the one with the less certain outcome, because it decides what is done next.
fn less_certain(one: Option<Failure>, other: Failure) -> Failure {
    one.filter(|one| one.class == FailureClass::InDoubt || other.class != FailureClass::InDoubt).unwrap_or(other)
}

/// Programs that were found running, with those of the `snapshots` that were begun already: they may lack what these
/// programs have written.
fn ran_again(context: &StepContext<'_>, host: &HostName, programs: &[ProgramName], snapshots: &[SnapshotId]) -> Fact {
    let upgrade = context.journal.upgrade();
    let begun = snapshots.iter().filter(|id| upgrade.begun_snapshots.contains_key(*id));
    Fact::RanAgain { host: host.clone(), programs: programs.to_vec(), snapshots: begun.cloned().collect() }
}

/// Keeps on record that programs run which a window stops, if a snapshot of their databases was begun already: they were
/// started again, or the window is planned again.
pub(super) fn note_after_snapshot(context: &StepContext<'_>, host: &HostName, up: &Up) {
    let upgrade = context.journal.upgrade();
    if up.is_empty() || up.only_sessions().is_some() || upgrade.begun_snapshots.is_empty() {
        return;
    }
    let Some(run) = upgrade.current_run().filter(|run| run.kind == RunKind::Window) else { return };
    let Some(look) = run.last_look(&context.step.lane) else { return };
    if look.snapshots.iter().any(|id| upgrade.begun_snapshots.contains_key(id)) {
        context.note(ran_again(context, host, &up.all_programs(), look.snapshots));
    }
}

/// Why the migrations may not begin although nothing was found running on the hosts that were looked at: a snapshot lacks
/// what was written after it was begun. Nothing if there is no such snapshot, or an operator has let the upgrade go on with
/// it. Whether another one can be taken depends on what other fleets do meanwhile, so this does not say it.
pub(super) fn lacking(context: &StepContext<'_>, snapshots: &[SnapshotId], looked_at: &[&HostName]) -> Option<Failure> {
    let upgrade = context.journal.upgrade();
    let outdated: Vec<SnapshotId> =
        snapshots.iter().filter(|id| upgrade.outdated_snapshots.contains(id)).cloned().collect();
    if outdated.is_empty() {
        return None;
    }
    let found = upgrade.outdated_snapshots.behind(&outdated);
    let names: Vec<&str> = outdated.iter().map(SnapshotId::as_str).collect();
    let running: Vec<String> = found.iter().map(|(host, programs)| on_host(programs, host)).collect();
    let now = if found.keys().all(|host| looked_at.contains(&host)) { "They are stopped now. " } else { "" };
    let why = format!(
        "services that must be stopped were running after the snapshot had been begun: {}. {now}What they wrote may be \
         missing from {}",
        some_of(&running, NAMED_WITH_WORDS),
        names.join(", ")
    );
    context.note(Fact::SnapshotsLack { snapshots: outdated, found });
    let hint = "find out what started them, and what they have written; `cutover status` says how to go on";
    Some(Failure::permanent(why).with_hint(hint))
}

fn on_host<'a>(programs: impl IntoIterator<Item = &'a ProgramName>, host: &HostName) -> String {
    let programs: Vec<&str> = programs.into_iter().map(ProgramName::as_str).collect();
    match programs.is_empty() {
        true => format!("processes that supervisor had started on {host}"),
        false => format!("{} on {host}", programs.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_failed_orders_the_one_that_may_have_been_carried_out_decides() {
        let failed = |class| Failure::new(class, "no");
        let (doubt, refused) = (failed(FailureClass::InDoubt), failed(FailureClass::NotApplied));
        assert_eq!(less_certain(None, refused.clone()), refused);
        assert_eq!(less_certain(Some(refused.clone()), doubt.clone()), doubt);
        assert_eq!(less_certain(Some(doubt.clone()), refused.clone()), doubt);
        let first = Failure { message: "first".to_owned(), ..refused.clone() };
        assert_eq!(less_certain(Some(first.clone()), refused), first);
    }
}
