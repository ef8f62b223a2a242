//! Migrations that take longer than usual, or than they may.

use cutover_core::journal::Fact;
use cutover_core::names::JobName;
use cutover_core::plan::{Action, Migrate};
use cutover_hosts::job::Signal;

use super::StepContext;
use crate::failure::FailureClass;
use crate::gate::Permit;
use crate::halt::WriteError;

/// Keeps that a job has run for longer than usual, once. What an earlier process has measured does not count.
pub(super) fn note_slow(context: &StepContext<'_>, migrate: &Migrate, job: &JobName) {
    let (usual, limit) = (context.step.expected, context.step.limit);
    let ran = context.limited_since.get().at_least_until(context.clock.moment());
    let warn_after = migrate.warn_after.unwrap_or(2 * usual);
    let is_told = context.run().facts.iter().any(|fact| matches!(fact, Fact::Slow { job: of, .. } if of == job));
    // A warning that comes with the end is none.
    if ran >= warn_after && ran < limit && !is_told {
        context.note(Fact::Slow { job: job.clone(), ran, usual, limit, past_limit: migrate.past_limit });
    }
}

/// Sends a signal to the job of a migration whose limit has passed. That it is about to be sent is recorded before: its answer
/// may be lost, and how the job ends must not be taken for somebody else's doing. False if the host has found nothing to send
/// it to.
pub(crate) async fn end_job(context: &StepContext<'_>, signal: Signal) -> Result<bool, WriteError> {
    let Action::Migrate(migrate) = &context.step.action else { return Ok(false) };
    let open = context.run().open_job().map(|(host, job)| (host.clone(), job.clone()));
    let Some((host, job)) = open.filter(|(host, _)| *host == migrate.host.name) else { return Ok(false) };
    let instance = context.instance(&migrate.host)?;
    context.learn(Fact::PastLimit { host, job: job.clone(), limit: context.step.limit }).await?;
    let hosts = &context.world.hosts;
    let send = async |permit: &Permit| hosts.signal_job(permit, &instance, &job, signal).await;
    let answer = context.write_on_host("signal_job", &instance, send).await;
    let arrived = match &answer {
        Ok(was_running) => Some(*was_running),
        Err(WriteError::Failed(failure)) if failure.class != FailureClass::InDoubt => Some(false),
        Err(_) => None,
    };
    if let Some(arrived) = arrived {
        context.learn(Fact::Signalled { job, arrived }).await?;
    }
    answer
}

/// Whether a job was ended because of its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndedByLimit {
    /// No signal has reached it.
    No,
    /// It was about to be ended, and nobody has heard whether the signal arrived.
    Perhaps,
    /// A signal has reached it while it ran.
    Yes,
}

/// What is on record about that.
pub(super) fn was_ended(context: &StepContext<'_>, job: &JobName) -> EndedByLimit {
    let (run, learned) = (context.run(), context.learned.borrow());
    let has = |wanted: &dyn Fn(&Fact) -> bool| run.facts.iter().chain(learned.iter()).any(wanted);
    let signalled = |fact: &Fact, wanted: bool| matches!(fact, Fact::Signalled { job: of, arrived } if of == job && *arrived == wanted);
    if has(&|fact| signalled(fact, true)) {
        EndedByLimit::Yes
    } else if has(&|fact| signalled(fact, false))
        || !has(&|fact| matches!(fact, Fact::PastLimit { job: of, .. } if of == job))
    {
        EndedByLimit::No
    } else {
        EndedByLimit::Perhaps
    }
}
