//! Patience with hosts that do not answer. One that is restarted is back after some minutes, and nobody has to type anything for it.

use std::time::Duration;

use cutover_core::plan::Action;
use cutover_core::time::human;

use super::Conductor;
use crate::act::{Seen, StepContext, may_be_restarting};
use crate::failure::Failure;
use crate::halt::Halt;
use crate::moment::Moment;
use crate::ports::Answer;

/// How long to wait before such a host is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

impl Conductor {
    /// Looks until the hosts of the step answer, as long as that may help.
    pub(super) async fn look_patiently(&self, context: &StepContext<'_>) -> Result<Answer<Seen>, Halt> {
        let begin = self.clock.moment();
        loop {
            let seen = self.look(context).await?;
            match &seen {
                Err(why) if self.has_patience(context, why, begin).await => {}
                _ => return Ok(seen),
            }
        }
    }

    /// Waits for a moment, if a call has failed for a reason that may pass by itself, and EC2 shows the hosts of the step as running.
    /// `begin` is when it was called first. Whether an old host runs something is a question that an operator can settle, while
    /// visitors see the maintenance page; that is not waited for.
    pub(super) async fn has_patience(&self, context: &StepContext<'_>, why: &Failure, begin: Moment) -> bool {
        let step = context.step;
        let (now, patience) = (self.clock.moment(), why.passes_within.min(step.limit));
        let of_step = step.limit.saturating_sub(context.limited_since.get().at_least_until(now));
        let left = patience.saturating_sub(begin.at_least_until(now)).min(of_step);
        let can_wait = !left.is_zero() && !matches!(step.action, Action::ConfirmStopped { .. });
        if !can_wait || !may_be_restarting(context).await {
            return false;
        }
        let failure = context.named(why.clone());
        context.mention(&format!(
            "waits for up to {}, because its host runs and may be restarting: {}",
            human(patience),
            failure.message
        ));
        context.slot.release();
        self.clock.sleep(left.min(AGAIN_AFTER)).await;
        true
    }
}
