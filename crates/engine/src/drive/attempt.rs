//! Makes a step's call. It is repeated if it is known not to have been applied; after an answer that leaves that open,
//! the world is observed first.

use cutover_core::journal::{Acted, Event};
use cutover_core::plan::{Action, Step};

use super::ending::Known;
use super::{Conductor, StepEnd};
use crate::act::{Seen, StepContext, act};
use crate::failure::{Failure, FailureClass};
use crate::halt::{Halt, WriteError};
use crate::retry;

impl Conductor {
    /// Records the attempt and makes the call. The call is repeated if it is known not to have been applied.
    /// `made_before` says that it may have been made earlier, without a visible effect so far.
    pub(super) async fn make(&self, context: &StepContext<'_>, made_before: bool) -> Result<Option<StepEnd>, Halt> {
        let step = context.step;
        let begin = self.clock.moment();
        // What an attempt before may have done is looked for, too, before it is said that nothing was changed.
        let mut doubted = made_before || self.journal.step_run(&step.id).acted != Acted::No;
        let (mut made, mut doubts) = (0, 0);
        let mut waits_for_host = false;
        loop {
            // What was refused while a host restarts was not sent: it is one attempt, as long as that takes.
            if !std::mem::take(&mut waits_for_host) {
                made += 1;
                self.started(context).await?;
            }
            if let Some(why) = context.too_late() {
                return self.not_made(context, why, doubted, Known::ChangedNothing).await;
            }
            context.was_started.set(true);
            context.slot.take_to_act().await;
            // Boxed for the same reason as in `observe`.
            let answer = Box::pin(act(context)).await;
            context.slot.release();
            let failure = match answer {
                Ok(()) => return Ok(None),
                Err(WriteError::Failed(failure)) => failure,
                Err(WriteError::Halt(halt)) => return Err(halt),
            };
            match failure.class {
                FailureClass::Superseded => return Err(Halt::Superseded(failure)),
                FailureClass::Permanent | FailureClass::NotApplied
                    if retry::refused(&failure, made, step.id.as_str()).is_none()
                        && self.has_patience(context, &failure, begin).await =>
                {
                    waits_for_host = true;
                }
                // After a call with an unknown outcome, a refusal may mean that this earlier call has worked after all.
                FailureClass::Permanent => {
                    return self.not_made(context, failure, doubted, unchanged_by_refusals(step)).await;
                }
                FailureClass::InDoubt => {
                    doubted = true;
                    doubts += 1;
                    match self.settle(context, &failure, doubts).await? {
                        Settled::Repeat => {}
                        Settled::Shows => return Ok(None),
                        Settled::Ended(end) => return Ok(Some(end)),
                    }
                }
                FailureClass::Throttled | FailureClass::NotApplied | FailureClass::Busy => {
                    let wait = retry::refused(&failure, made, step.id.as_str());
                    let Some(wait) = wait.filter(|wait| begin.at_least_until(self.clock.moment()) + *wait < step.limit)
                    else {
                        let message = format!("{} ({made} attempts)", failure.message);
                        let why = Failure { message, ..failure };
                        return self.not_made(context, why, doubted, unchanged_by_refusals(step)).await;
                    };
                    let error = failure.to_string();
                    self.journal.append(Event::StepRetried { step: step.id.clone(), error }).await?;
                    self.clock.sleep(wait).await;
                }
            }
        }
    }

    /// Observes for a grace period whether a call without a clear answer has worked, of which there were `doubts` so far.
    async fn settle(&self, context: &StepContext<'_>, failure: &Failure, doubts: u32) -> Result<Settled, Halt> {
        let (step, error) = (context.step, failure.to_string());
        self.journal.append(Event::StepInDoubt { step: step.id.clone(), error }).await?;
        context.mention("not known whether the call worked; looking again");
        Ok(match self.look_for_a_grace(context).await? {
            Ok(Seen::NotYet | Seen::Due(_)) if retry::may_repeat_in_doubt(doubts) => Settled::Repeat,
            Ok(Seen::NotYet | Seen::Due(_)) => Settled::Ended(self.failed(context, failure).await?),
            Ok(Seen::CannotTell) => Settled::Ended(self.failed_in_doubt(context, Some(failure)).await?),
            _ => Settled::Shows,
        })
    }

    /// The end of a step whose last attempt was refused, or was not made: it has failed for the reason `why`. If an
    /// earlier attempt may have worked, its effect is looked for during a grace period, and the step goes on if it
    /// shows. Without such an attempt, `undoubted` is what is known of the world.
    async fn not_made(
        &self,
        context: &StepContext<'_>,
        why: Failure,
        doubted: bool,
        undoubted: Known,
    ) -> Result<Option<StepEnd>, Halt> {
        let known = match doubted {
            false => undoubted,
            true => match self.look_for_a_grace(context).await? {
                Ok(Seen::Holds(_) | Seen::UnderWay(_)) => return Ok(None),
                Ok(Seen::NotYet) => unchanged_by_refusal(context.step),
                Ok(Seen::Due(_) | Seen::Never(_) | Seen::CannotTell) | Err(_) => Known::Observed,
            },
        };
        self.ended_badly(context, &why, known).await.map(Some)
    }
}

/// What is known after a refused call: only of an action that is a single call that nothing was changed.
const fn unchanged_by_refusal(step: &Step) -> Known {
    match step.action {
        Action::ChangeRecords(_) => Known::ChangedNothing,
        _ => Known::Observed,
    }
}

/// The same where every attempt was refused, and none before them may have worked: a migration that was refused before its job
/// was started has changed nothing either.
pub(super) const fn unchanged_by_refusals(step: &Step) -> Known {
    match step.action {
        Action::Migrate(_) => Known::ChangedNothing,
        _ => unchanged_by_refusal(step),
    }
}

/// The result of looking again after a call whose outcome was unknown.
enum Settled {
    /// Its effect is not visible, so the call must be repeated.
    Repeat,
    /// Its effect is visible, or will be.
    Shows,
    /// The step has ended.
    Ended(StepEnd),
}
