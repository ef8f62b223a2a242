//! Conducts a phase: starts every step whose predecessors are done, and starts no new ones after a step fails or it is
//! asked to stop. Only after a failed soak do the others go on. The number of concurrent calls and connections is limited in `drive`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable, LocalBoxFuture, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Run};
use cutover_core::names::StepId;
use cutover_core::plan::{Frontier, Phase, Plan, Step, tails};
use cutover_core::status::only_refused;

use crate::drive::{Conductor, Part, StepEnd, Stop};
use crate::halt::Halt;

/// How a phase's run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps have succeeded.
    Finished,
    /// These steps have failed. The steps that were under way at the same time have ended.
    Failed(Vec<StepId>),
    /// It was asked to stop. Running the phase again continues from here.
    Stopped,
    /// Nothing more of the part that was to be done is left. Running the phase again does the rest.
    PartDone,
}

/// Starts a phase with `plan`, or continues the one on record, until nothing is left to do.
///
/// # Errors
/// When the journal fails, or this conductor may not write any more. Nothing is done after that.
pub async fn run(conductor: &Conductor, plan: Option<(Plan, Digest)>, phase: Phase) -> Result<Ending, Halt> {
    if let Some((plan, deployment)) = plan {
        let (run, kind, plan) = (conductor.journal.upgrade().next_run(), phase.into(), Arc::new(plan));
        conductor.journal.append(Event::RunStarted { run, kind, plan, deployment }).await?;
    }
    let under_way = || conductor.journal.upgrade().run_under_way().filter(|run| run.kind == phase.into()).cloned();
    let Some(run) = under_way() else { return Ok(Ending::Finished) };
    for step in run.outdated_checks() {
        conductor.journal.append(Event::StepOutdated { step: step.clone() }).await?;
    }
    conductor.look_what_is_left_to_do().await?;
    let Some(run) = under_way() else { return Ok(Ending::Finished) };
    let failed = conduct(conductor, &run).await?;
    conductor.look_what_is_left_to_do().await?;
    if conductor.journal.upgrade().run_under_way().is_some_and(Run::is_done) {
        conductor.journal.append(Event::RunFinished { run: run.number }).await?;
        conductor.collect_orders().await;
        return Ok(Ending::Finished);
    }
    if conductor.part == Part::Images && failed.is_empty() && conductor.stop.clone().now_or_never().is_none() {
        conductor.journal.append(Event::Interrupted { because: IMAGES_ONLY.to_owned() }).await?;
        return Ok(Ending::PartDone);
    }
    // A failed soak has stopped nothing, so what ends the run is that somebody has asked it to.
    let lets_go_on = |id: &StepId| run.plan.step(id).is_some_and(|step| step.action.lets_others_go_on());
    let was_stopped = conductor.stop.clone().now_or_never().is_some() && failed.iter().all(lets_go_on);
    if failed.is_empty() || was_stopped {
        let because = conductor.stop.clone().await.to_owned();
        conductor.journal.append(Event::Interrupted { because }).await?;
        return Ok(Ending::Stopped);
    }
    let because = {
        let upgrade = conductor.journal.upgrade();
        let was_refused = upgrade.current_run().is_some_and(|run| only_refused(run, &upgrade));
        if was_refused { "somebody refused at a gate".to_owned() } else { words(failed.len()) }
    };
    conductor.journal.append(Event::Interrupted { because }).await?;
    conductor.collect_orders().await;
    Ok(Ending::Failed(failed))
}

const IMAGES_ONLY: &str = "only images were to be built";

fn words(failed: usize) -> String {
    if failed == 1 { "a step failed".to_owned() } else { format!("{failed} steps failed") }
}

/// Steps that can start. Those with the longest work after them ask for a slot first.
type Ready = BinaryHeap<(Duration, Reverse<usize>)>;

async fn conduct(conductor: &Conductor, run: &Run) -> Result<Vec<StepId>, Halt> {
    let steps = &run.plan.steps;
    let tails = tails(steps);
    // A failure also ends waits for people and dates, and soaks: no decision should be requested for an upgrade that has failed,
    // and visitors of another fleet may see the page until somebody can type the next command.
    let (failure, halt) = halt(&conductor.stop);
    let mut frontier = Frontier::new(steps);
    let mut ready = Ready::new();
    let mut free = frontier.first();
    // The wait for a request to stop is one of them, so that it is polled only when something happens to it.
    let mut under_way = FuturesUnordered::from_iter([requested_stop(conductor)]);
    let mut steps_under_way = 0;
    let mut failed = Vec::new();
    let mut stopped = false;
    loop {
        while let Some(position) = free.pop() {
            // Steps on record as done are skipped, whichever process did them.
            if run.status(&steps[position].id).is_done() {
                free.extend(frontier.done(position));
            } else if conductor.part.has(&steps[position]) {
                ready.push((tails[position], Reverse(position)));
            }
        }
        if !stopped {
            steps_under_way += ready.len();
            let begun = std::iter::from_fn(|| ready.pop());
            under_way.extend(begun.map(|(_, Reverse(position))| drive(conductor, steps, position, &halt)));
        }
        let next = if steps_under_way > 0 { under_way.next().await } else { None };
        let Some(happening) = next else { return Ok(failed) };
        let Happening::Ended(position, end) = happening? else {
            stopped = true;
            continue;
        };
        steps_under_way -= 1;
        match end {
            StepEnd::Done => free = frontier.done(position),
            StepEnd::Failed => {
                failed.push(steps[position].id.clone());
                if !steps[position].action.lets_others_go_on() {
                    stopped = true;
                    failure.abort();
                }
            }
            StepEnd::Stopped => stopped = true,
        }
    }
}

/// What the conductor reacts to.
enum Happening {
    /// The step at that position has ended.
    Ended(usize, StepEnd),
    /// It is asked to stop.
    Stop,
}

type Awaited<'a> = LocalBoxFuture<'a, Result<Happening, Halt>>;

fn drive<'a>(conductor: &'a Conductor, steps: &'a [Step], position: usize, halt: &'a Stop) -> Awaited<'a> {
    Box::pin(async move { Ok(Happening::Ended(position, conductor.drive(&steps[position], halt).await?)) })
}

fn requested_stop(conductor: &Conductor) -> Awaited<'_> {
    conductor.stop.clone().map(|_| Ok(Happening::Stop)).boxed_local()
}

/// Resolves when the conductor is asked to stop, or the handle is used.
fn halt(stop: &Stop) -> (AbortHandle, Stop) {
    let (failure, registration) = AbortHandle::new_pair();
    let failed = Abortable::new(std::future::pending::<()>(), registration).map(|_| "a step failed");
    let halt = select(stop.clone(), failed).map(|ended| ended.factor_first().0).boxed_local().shared();
    (failure, halt)
}
