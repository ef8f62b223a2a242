//! Plans of an upgrade, for tests that look at single steps of them.

use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_core::observation::Observation;
use cutover_core::plan::{Order, Phase, Plan, Step};
use cutover_core::planner::{Inputs, forecast};

use crate::support::observe;

/// The time that a call may take in addition to the time that it waits.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(300);

/// The plan of a phase after what the journal says.
pub(crate) fn planned(deployment: &Deployment, observation: &Observation, upgrade: &Upgrade, phase: Phase) -> Plan {
    forecast(Inputs { deployment, observation, upgrade }, phase, Order::Overlapped)
}

/// The plan of a phase before the upgrade has started.
pub(crate) fn first(deployment: &Deployment, phase: Phase) -> Plan {
    planned(deployment, &observe(deployment), &Upgrade::default(), phase)
}

/// The step with that id.
pub(crate) fn step<'a>(plan: &'a Plan, id: &str) -> &'a Step {
    plan.step(&id.into()).unwrap_or_else(|| panic!("{id} is not in the plan"))
}
