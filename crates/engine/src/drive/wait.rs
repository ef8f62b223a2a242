//! Waits for a date, or for a person's decision.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use cutover_core::journal::Event;
use cutover_core::plan::{Action, Decide, Step};
use cutover_core::time::human;

use super::{Conductor, StepEnd, Stop};
use crate::act::{StepContext, missed, too_late};
use crate::failure::Failure;
use crate::halt::Halt;
use crate::ports::Decided;

/// Why a window does not open when a host is gone.
const ALL_HOSTS: &str = "the window does not open without all hosts of its plan";

impl Conductor {
    pub(super) async fn wait(&self, step: &Step, end_waits: &Stop) -> Result<StepEnd, Halt> {
        let context = self.context(step);
        match &step.action {
            Action::Decide(question) => self.decide(&context, question, end_waits).await,
            Action::WaitUntil { moment, no_later_than } => {
                if self.clock.now() < *moment {
                    self.started(&context).await?;
                    let date = self.clock.wait_for_date(*moment);
                    if let Either::Left(_) = select(end_waits.clone(), date).await {
                        return Ok(StepEnd::Stopped);
                    }
                }
                // Checked after the wait: a machine that was suspended during it may wake up hours later.
                if let Some(latest) = no_later_than.filter(|latest| self.clock.now() > *latest) {
                    return self.failed(&context, &too_late(latest, self.clock.now())).await;
                }
                // Hosts may have been terminated since the window was planned, too.
                match missed(&context).await {
                    Ok(missed) if missed.is_empty() => self.ended_well(&context, Vec::new()).await,
                    Ok(_) => self.failed(&context, &Failure::permanent(ALL_HOSTS)).await,
                    Err(failure) => self.failed(&context, &failure).await,
                }
            }
            _ => {
                let why = Failure::permanent("cutover does not know how to wait for this");
                self.failed(&context, &why.with_hint("please report this as a bug in cutover")).await
            }
        }
    }

    async fn decide(&self, context: &StepContext<'_>, question: &Decide, end_waits: &Stop) -> Result<StepEnd, Halt> {
        if self.is_approved(question) {
            return self.ended_well(context, Vec::new()).await;
        }
        self.started(context).await?;
        self.journal.append(Event::GateOpened { gate: question.gate.clone() }).await?;
        let answer = pin!(self.decided(question, context.step.limit));
        let decided = match select(end_waits.clone(), answer).await {
            Either::Left(_) => return Ok(StepEnd::Stopped),
            Either::Right((decided, _)) => decided,
        };
        let Some(Decided { decision, object }) = decided else {
            let why = format!("nobody decided within {}", human(context.step.limit));
            return self.failed(context, &Failure::permanent(why)).await;
        };
        let (approved, by, note) = (decision.approved, decision.by.clone(), decision.note.clone());
        self.journal.append(Event::GateDecided { decision, object }).await?;
        if approved {
            return self.ended_well(context, Vec::new()).await;
        }
        let words = note.map_or_else(String::new, |note| format!(": {note}"));
        let why = format!("{by} refused at gate {}{words}", question.gate);
        self.failed(context, &Failure::permanent(why)).await
    }

    /// The answer to a question, or `None` if there is none when the limit has passed. What was decided by then counts.
    async fn decided(&self, question: &Decide, limit: Duration) -> Option<Decided> {
        let patience = pin!(self.let_pass(limit));
        match select(self.operator.decide(question), patience).await {
            Either::Left((decided, _)) => Some(decided),
            Either::Right(_) => self.operator.already_decided(question).await,
        }
    }

    /// Waits until that much time has certainly passed. A sleep alone ends early if the wall clock is set forward.
    async fn let_pass(&self, length: Duration) {
        let begin = self.clock.moment();
        loop {
            let left = length.saturating_sub(begin.at_least_until(self.clock.moment()));
            if left.is_zero() {
                return;
            }
            self.clock.sleep(left).await;
        }
    }

    /// Whether the gate was approved for the current plan: a decision on another plan does not count.
    fn is_approved(&self, question: &Decide) -> bool {
        let upgrade = self.journal.upgrade();
        let Some(run) = upgrade.current_run() else { return false };
        let decision = upgrade.decisions.get(&question.gate);
        decision.is_some_and(|decision| decision.approved && decision.is_about(&run.plan))
    }
}
