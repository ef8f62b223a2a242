//! Carries out one step in the manner of its action.

use std::pin::pin;

use futures_util::future::{Either, select};

use cutover_core::plan::Step;

use super::{Conductor, StepEnd, Stop};
use crate::act::{Manner, manner};
use crate::halt::Halt;
use crate::slots::StepSlot;

impl Conductor {
    /// Carries out `step`, from the point that the journal shows. When `end_waits` resolves, waits for people and dates
    /// end, and so does a watch.
    pub(crate) async fn drive(&self, step: &Step, end_waits: &Stop) -> Result<StepEnd, Halt> {
        if manner(&step.action) == Manner::Wait {
            return self.wait(step, end_waits).await;
        }
        // A step that waits for a slot has not started, so stopping the conductor may end it here.
        let slot = StepSlot::new(&self.slots, step.action.work());
        if let Either::Right(_) = select(pin!(slot.take_to_act()), end_waits.clone()).await {
            return Ok(StepEnd::Stopped);
        }
        let context = self.context_with(step, slot);
        match manner(&step.action) {
            Manner::Perform => self.perform(&context).await,
            Manner::Watch => self.watch(&context, end_waits).await,
            _ => self.ensure(context).await,
        }
    }
}
