//! Observes a step, once or for a grace period, with a slot for the time of each observation.

use super::Conductor;
use crate::act::{Seen, StepContext, grace, observe, shortest_interval};
use crate::halt::Halt;
use crate::ports::Answer;

impl Conductor {
    /// Observes, and records what was learned from it.
    pub(super) async fn look(&self, context: &StepContext<'_>) -> Result<Answer<Seen>, Halt> {
        let is_for_this = context.slot.take_to_look().await;
        let seen = observe(context).await;
        if is_for_this {
            context.slot.release();
        }
        if seen.is_err() {
            // What has to last may not have lasted meanwhile.
            context.found.seen_since.set(None);
        }
        context.put_on_record().await?;
        Ok(seen)
    }

    /// Observes until the effect of an earlier call is visible, for a grace period at most: the call may still be in
    /// transit, and readings may be older than its effect.
    pub(super) async fn look_for_a_grace(&self, context: &StepContext<'_>) -> Result<Answer<Seen>, Halt> {
        let (begin, grace) = (self.clock.moment(), grace(&context.step.action));
        loop {
            let seen = self.look(context).await?;
            let shows = matches!(seen, Ok(Seen::Holds(_) | Seen::UnderWay(_) | Seen::CannotTell));
            let left = grace.saturating_sub(begin.at_least_until(self.clock.moment()));
            if shows || left.is_zero() {
                return Ok(seen);
            }
            context.slot.release();
            self.clock.sleep(left.min(shortest_interval(&context.step.action))).await;
        }
    }
}
