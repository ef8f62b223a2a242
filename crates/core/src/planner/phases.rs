//! Plans of phases: of a phase that can start now, or of a later one.

use super::announce::is_down;
use super::blocked_by_journal::by_journal;
use super::{Blocked, Inputs, announce, basis, blocked_by_world, order, prepare, retire, window};
use crate::deployment::Deployment;
use crate::digest::Digest;
use crate::observation::{PendingMigrations, PendingNames};
use crate::plan::{Action, Order, Phase, Plan, Step, WindowForecast};

/// Plans a phase that can start now.
///
/// # Errors
/// All reasons why it cannot start.
pub fn plan(inputs: Inputs<'_>, phase: Phase, order: Order) -> Result<Plan, Vec<Blocked>> {
    plan_digested(inputs, &Digest::of_json(inputs.deployment), phase, order)
}

/// The same, with the digest of the deployment: a caller that plans all phases computes it once.
///
/// # Errors
/// All reasons why the phase cannot start.
pub fn plan_digested(
    inputs: Inputs<'_>,
    deployment: &Digest,
    phase: Phase,
    order: Order,
) -> Result<Plan, Vec<Blocked>> {
    let mut blocked = by_journal(inputs, phase);
    // The world is checked only if the journal allows the phase: before and after that, its state does not match the
    // phase.
    if blocked.iter().all(|reason| !matches!(reason, Blocked::Finished { .. })) {
        blocked.extend(blocked_by_world(inputs, phase));
    }
    if blocked.is_empty() { Ok(forecast_digested(inputs, deployment, phase, order)) } else { Err(blocked) }
}

/// The reasons in the world why a window that has not sent visitors to the maintenance page yet must not go on to do so;
/// nothing once visitors may see the page.
#[must_use]
pub fn cannot_open(inputs: Inputs<'_>) -> Vec<Blocked> {
    if is_down(inputs) { Vec::new() } else { blocked_by_world(inputs, Phase::Window) }
}

/// Plans a phase as if the ones before it were finished, to show it in advance. What earlier phases will create is
/// referred to by the steps that create it.
#[must_use]
pub fn forecast(inputs: Inputs<'_>, phase: Phase, order: Order) -> Plan {
    forecast_digested(inputs, &Digest::of_json(inputs.deployment), phase, order)
}

fn forecast_digested(inputs: Inputs<'_>, deployment: &Digest, phase: Phase, order: Order) -> Plan {
    let steps: Vec<Step> = match phase {
        Phase::Announce => announce::steps(inputs.deployment),
        Phase::Prepare => prepare::steps(inputs),
        Phase::Window => window::steps(inputs),
        Phase::Retire => retire::steps(inputs),
    };
    let steps = match order {
        Order::Overlapped => steps,
        Order::Runbook => order::by_line(steps, phase),
    };
    let plan = Plan {
        upgrade: inputs.deployment.upgrade(),
        phase,
        order,
        made_at: inputs.observation.at,
        basis: basis::of(inputs, deployment, phase),
        pending: if phase == Phase::Window { listed(inputs) } else { Vec::new() },
        steps: order::sorted(steps),
    };
    if phase == Phase::Window { opens_in_time(plan, inputs.deployment) } else { plan }
}

/// Pending migrations, where a next host has listed them.
fn listed(inputs: Inputs<'_>) -> Vec<PendingMigrations> {
    let pending = inputs.observation.pending.iter();
    pending.filter(|pending| matches!(pending.names, PendingNames::Known(_))).cloned().collect()
}

/// `plan` with the latest safe start as a limit on when the window may open, however long a decision takes. A plan that
/// does not fit into the window at all has no such limit; it is refused unless the operator wants it anyway.
pub(super) fn opens_in_time(mut plan: Plan, deployment: &Deployment) -> Plan {
    let (start, end) = (deployment.window.start.timestamp, deployment.window.ends().timestamp);
    let forecast = WindowForecast::of(&plan, start, end);
    let opening = plan.steps.iter_mut().rev().find(|step| matches!(step.action, Action::WaitUntil { .. }));
    if let Some(Step { action: Action::WaitUntil { no_later_than, .. }, .. }) = opening
        && forecast.fits
    {
        *no_later_than = Some(forecast.latest_safe_start);
    }
    plan
}
