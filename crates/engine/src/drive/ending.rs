//! How a step's run ends, and the records of its start and its end.

use cutover_core::journal::{Event, Fact};
use cutover_core::plan::Action;

use super::Conductor;
use super::words::in_doubt;
use crate::act::{StepContext, failed_jobs, missed, without, without_builders, without_packer};
use crate::failure::Failure;
use crate::halt::Halt;
use crate::journal::JournalError;

/// How a step's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepEnd {
    /// The step's effect is there.
    Done,
    /// It has failed, and the reason is on record.
    Failed,
    /// The conductor was asked to stop while the step waited.
    Stopped,
}

/// What is known about the effect of a failed step on the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It has changed nothing.
    ChangedNothing,
    /// Its effect is not there. The operator has to check what it may have changed on the way.
    Observed,
    /// It may have been done, and this cannot be observed.
    InDoubt,
}

impl Conductor {
    /// Records that the step has started, and what was learned about it before.
    pub(super) async fn started(&self, context: &StepContext<'_>) -> Result<(), JournalError> {
        let attempt = self.journal.step_run(&context.step.id).status.attempts() + 1;
        self.journal.append(Event::StepStarted { step: context.step.id.clone(), attempt }).await?;
        context.put_on_record().await
    }

    /// Records that the step was done, or, if it was never started, that there was nothing left to do.
    pub(super) async fn ended_well(&self, context: &StepContext<'_>, facts: Vec<Fact>) -> Result<StepEnd, Halt> {
        let (step, facts) = (context.step.id.clone(), context.news(facts));
        let event = match self.journal.step_run(&context.step.id).status.is_open() {
            true => Event::StepDone { step, facts },
            false => Event::StepHeld { step, facts },
        };
        self.journal.append(event).await?;
        Ok(StepEnd::Done)
    }

    /// Records that the step has failed, as observed: it is known that its effect is not there.
    pub(super) async fn failed(&self, context: &StepContext<'_>, why: &Failure) -> Result<StepEnd, Halt> {
        self.ended_badly(context, why, Known::Observed).await
    }

    /// The same for what will not come by waiting: none of its jobs runs any more.
    pub(super) async fn failed_for_good(&self, context: &StepContext<'_>, why: &Failure) -> Result<StepEnd, Halt> {
        failed_jobs(context).into_iter().for_each(|fact| context.note(fact));
        // What a soak has found is for a person to judge, who may accept it.
        let known = match context.step.action {
            Action::Soak(_) => Known::InDoubt,
            _ => Known::Observed,
        };
        self.ended_badly(context, why, known).await
    }

    /// Records that the step has failed because it is not known whether it was done.
    pub(super) async fn failed_in_doubt(
        &self,
        context: &StepContext<'_>,
        failure: Option<&Failure>,
    ) -> Result<StepEnd, Halt> {
        self.ended_badly(context, &in_doubt(context.step, failure), Known::InDoubt).await
    }

    /// Records that the step failed. Before that, if it was not started yet, its start is recorded, and in any case what was
    /// learned since the last look.
    pub(super) async fn ended_badly(
        &self,
        context: &StepContext<'_>,
        why: &Failure,
        known: Known,
    ) -> Result<StepEnd, Halt> {
        if !self.journal.step_run(&context.step.id).status.is_open() {
            self.started(context).await?;
        }
        // What cannot be seen now does not hide why the step failed.
        let missed = missed(context).await.unwrap_or_default();
        missed.gone.iter().for_each(|fact| context.note(fact.clone()));
        context.put_on_record().await?;
        let why = match without(context, &missed) {
            Some(hint) => why.clone().with_hint(hint),
            None => why.clone(),
        };
        let why = match &context.step.action {
            Action::BuildImage(build) if build.builder.is_some() => without_builders(context, build, why).await?,
            Action::BuildImage(build) if build.packer.is_some() => without_packer(context, why).await?,
            _ => why,
        };
        let why = context.named(why);
        let (step, error, in_doubt) = (context.step.id.clone(), why.to_string(), known == Known::InDoubt);
        let changed_nothing = known == Known::ChangedNothing;
        self.journal.append(Event::StepFailed { step, error, in_doubt, changed_nothing }).await?;
        Ok(StepEnd::Failed)
    }
}
