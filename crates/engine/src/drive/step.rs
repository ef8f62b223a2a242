//! Carries out one step in the manner of its action.

use std::pin::pin;

use futures_util::future::{Either, select};

use cutover_core::plan::Step;

use super::{Conductor, StepEnd, Stop};
use crate::act::{Manner, manner};
use crate::halt::Halt;

impl Conductor {
    /// Carries out `step`, from the point that the journal shows. When `end_waits` resolves, waits for people and dates
    /// end.
    pub(crate) async fn drive(&self, step: &Step, end_waits: &Stop) -> Result<StepEnd, Halt> {
        if manner(&step.action) == Manner::Wait {
            return self.wait(step, end_waits).await;
        }
        // A step that waits for a slot has not started, so stopping the conductor may end it here.
        let slot = match select(pin!(self.slots.take(step.action.work())), end_waits.clone()).await {
            Either::Left((slot, _)) => slot,
            Either::Right(_) => return Ok(StepEnd::Stopped),
        };
        let context = self.context(step);
        context.slot.replace(slot);
        match manner(&step.action) {
            Manner::Perform => self.perform(&context).await,
            _ => self.ensure(context).await,
        }
    }
}
