//! The course of a step that makes calls: observe, make the call if its effect is not there, observe until it is.

use cutover_core::journal::{Acted, Event, StepRun, StepStatus};
use cutover_core::plan::Step;
use cutover_core::time::human;

use super::attempt::unchanged_by_refusals;
use super::ending::Known;
use super::words::needs_approval;
use super::{Conductor, StepEnd};
use crate::act::{Manner, Seen, StepContext, grace, interval, manner};
use crate::halt::Halt;
use crate::ports::Answer;

impl Conductor {
    pub(super) async fn ensure(&self, context: StepContext<'_>) -> Result<StepEnd, Halt> {
        let step = context.step;
        let run = self.journal.step_run(&step.id).clone();
        let is_open = run.status.is_open();
        let mut seen = self.look_patiently(&context).await?;
        // The call may have been made just before a crash, and its effect may not be visible yet.
        let may_show_yet = match seen {
            Ok(Seen::NotYet) => is_open,
            Ok(Seen::Never(_)) => is_open && run.in_doubt,
            _ => false,
        };
        if may_show_yet {
            context.mention(&format!(
                "a call made before may still arrive: its effect is looked for, for up to {}",
                human(grace(&step.action))
            ));
            seen = self.look_for_a_grace(&context).await?;
        }
        match seen {
            Ok(Seen::Holds(facts)) => return self.ended_well(&context, facts).await,
            Ok(Seen::CannotTell) => return self.once(&context, &run).await,
            // What is already under way is waited for and not requested again, whichever process requested it.
            Ok(Seen::UnderWay(_)) => {
                if !is_open {
                    self.started(&context).await?;
                    // Now that the step has started, what was learned from the observation can be recorded.
                    context.put_on_record().await?;
                }
                return self.until_it_holds(&context, seen).await;
            }
            Ok(Seen::Never(why)) if is_open || manner(&step.action) == Manner::ByConsent => {
                return self.failed_for_good(&context, &why).await;
            }
            Ok(Seen::NotYet) if lacks_consent(step, &run) => {
                return self.failed(&context, &needs_approval(step)).await;
            }
            // After a failure that the operator has seen, the call is made again: the cause may have been repaired.
            Ok(Seen::NotYet | Seen::Due(_) | Seen::Never(_)) => {
                if let Some(end) = self.make(&context, is_open).await? {
                    return Ok(end);
                }
            }
            Err(failure) => {
                // Nothing was started if nobody could look whether it has to be.
                let is_first = !is_open && !run.in_doubt && run.acted == Acted::No;
                let known = if is_first { unchanged_by_refusals(step) } else { Known::Observed };
                return self.ended_badly(&context, &failure, known).await;
            }
        }
        let seen = self.look_patiently(&context).await?;
        self.until_it_holds(&context, seen).await
    }

    /// Carries out a step whose effect cannot be observed, at most once. If it may already have been done, a person has
    /// to decide.
    async fn once(&self, context: &StepContext<'_>, run: &StepRun) -> Result<StepEnd, Halt> {
        if let StepStatus::Running { .. } = run.status {
            let error = "its conductor ended before the answer came".to_owned();
            self.journal.append(Event::StepInDoubt { step: context.step.id.clone(), error }).await?;
        }
        if self.journal.step_run(&context.step.id).in_doubt {
            return self.failed_in_doubt(context, None).await;
        }
        if let Some(end) = self.make(context, false).await? {
            return Ok(end);
        }
        if !self.journal.step_run(&context.step.id).in_doubt {
            return self.ended_well(context, Vec::new()).await;
        }
        // Only a visible effect settles the doubt; a failed observation does not.
        match self.look(context).await? {
            Ok(Seen::Holds(facts)) => self.ended_well(context, facts).await,
            _ => self.failed_in_doubt(context, None).await,
        }
    }

    /// Carries out an action for which a successful call is the result. After a crash the call is made again.
    pub(super) async fn perform(&self, context: &StepContext<'_>) -> Result<StepEnd, Halt> {
        match self.make(context, false).await? {
            Some(end) => Ok(end),
            None => self.ended_well(context, Vec::new()).await,
        }
    }

    /// Goes on observing after a first observation, until the step's effect is there, its time limit has passed, or the
    /// effect can never come. If there is still nothing after a grace period, the call is repeated: it was lost,
    /// or something has reversed its effect.
    async fn until_it_holds(&self, context: &StepContext<'_>, mut seen: Answer<Seen>) -> Result<StepEnd, Halt> {
        let step = context.step;
        // From here on the step waits, and takes a slot only for each observation or further attempt.
        context.slot.release();
        let begin = self.clock.moment();
        context.limited_since.set(begin);
        let mut made_at = begin;
        let mut told = String::new();
        loop {
            match seen {
                Ok(Seen::Holds(facts)) => return self.ended_well(context, facts).await,
                Ok(Seen::Never(why)) => return self.failed_for_good(context, &why).await,
                Ok(Seen::CannotTell) => return self.failed_in_doubt(context, None).await,
                Ok(Seen::UnderWay(detail)) => {
                    context.mention(&detail);
                    told = detail;
                }
                Ok(Seen::Due(detail)) => {
                    context.mention(&detail);
                    told = detail;
                    if let Some(end) = self.make(context, true).await? {
                        return Ok(end);
                    }
                    made_at = self.clock.moment();
                }
                Ok(Seen::NotYet) if lacks_consent(step, &self.journal.step_run(&step.id)) => {
                    return self.failed(context, &needs_approval(step)).await;
                }
                Ok(Seen::NotYet) if made_at.at_least_until(self.clock.moment()) >= grace(&step.action) => {
                    if let Some(end) = self.make(context, true).await? {
                        return Ok(end);
                    }
                    made_at = self.clock.moment();
                }
                Ok(Seen::NotYet) => {}
                Err(failure) => return self.failed(context, &failure).await,
            }
            let left = step.limit.saturating_sub(begin.at_least_until(self.clock.moment()));
            if left.is_zero() {
                return self.past_limit(context, &told).await;
            }
            self.clock.sleep(left.min(interval(step, context.in_this_process()))).await;
            seen = self.look_patiently(context).await?;
        }
    }
}

/// Whether the step may have been started before, needs the operator's approval to be repeated, and does not have it.
fn lacks_consent(step: &Step, run: &StepRun) -> bool {
    manner(&step.action) == Manner::ByConsent && run.has_begun_job() && !run.retry_approved
}
