//! What the recorded plan of `prepare` has, for a new one that keeps it.

use super::Inputs;
use crate::journal::StepStatus;
use crate::plan::{Phase, Step};

/// The step of the recorded prepare plan that is `wanted` and whose status `stands`. What it waited for is left out.
pub(super) fn planned(
    inputs: Inputs<'_>,
    wanted: impl Fn(&Step) -> bool,
    stands: impl Fn(&StepStatus) -> bool,
) -> Option<Step> {
    let run = inputs.upgrade.run_of(Phase::Prepare)?;
    let step = run.plan.steps.iter().find(|step| wanted(step) && stands(run.status(&step.id)))?;
    Some(Step { waits_for: Vec::new(), ..step.clone() })
}
