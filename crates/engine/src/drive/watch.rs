//! Carries out a step that only looks, again and again, for a length of time.

use futures_util::future::{Either, select};

use super::ending::Known;
use super::{Conductor, StepEnd, Stop};
use crate::act::{Seen, StepContext, interval};
use crate::halt::Halt;

impl Conductor {
    /// Looks until the length has passed, or until what is seen decides earlier. When `end_waits` resolves, it ends between two
    /// looks, and is begun anew another time.
    pub(super) async fn watch(&self, context: &StepContext<'_>, end_waits: &Stop) -> Result<StepEnd, Halt> {
        let step = context.step;
        context.slot.release();
        loop {
            let mut told = String::new();
            match self.look(context).await? {
                Ok(Seen::Holds(facts)) => return self.ended_well(context, facts).await,
                Ok(Seen::Never(why)) => return self.failed_for_good(context, &why).await,
                Err(failure) => return self.ended_badly(context, &failure, Known::Observed).await,
                Ok(Seen::UnderWay(detail) | Seen::Due(detail)) => {
                    context.mention(&detail);
                    told = detail;
                }
                Ok(Seen::NotYet | Seen::CannotTell) => {}
            }
            if !context.run().status.is_open() {
                self.started(context).await?;
            }
            let left = step.limit.saturating_sub(context.in_this_process());
            if left.is_zero() {
                return self.past_limit(context, &told).await;
            }
            let pause = self.clock.sleep(left.min(interval(step, context.in_this_process())));
            if let Either::Left(_) = select(end_waits.clone(), pause).await {
                return Ok(StepEnd::Stopped);
            }
        }
    }
}
