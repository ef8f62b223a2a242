//! Makes the plan that a phase will run, and refuses it while nothing has been touched.

use cutover_core::deployment::Deployment;
use cutover_core::digest::Digest;
use cutover_core::journal::{Upgrade, downtime_began};
use cutover_core::plan::{Phase, Plan, Severity, WindowForecast, lint};
use cutover_core::planner::{Blocked, Inputs, forecast, plan};
use cutover_core::time::human;
use cutover_engine::inbox::shown_plans;

use crate::args::PhaseArgs;
use crate::error::CommandError;
use crate::session::Session;

/// The plan for a phase that can begin, with the digest of the file that it was made from.
///
/// # Errors
/// Refused when something stands in the way: all of it at once.
pub async fn plan_to_run(
    args: &PhaseArgs,
    session: &Session,
    upgrade: &Upgrade,
    phase: Phase,
) -> Result<(Plan, Digest), CommandError> {
    let deployment = session.deployment();
    let observation = session.observe(upgrade).await?;
    let inputs = Inputs { deployment, observation: &observation, upgrade };
    let plan = match plan(inputs, phase, args.order.into()) {
        Ok(plan) => plan,
        Err(blocked) if args.replan && may_be_made_anew(upgrade, phase, &blocked) => {
            forecast(inputs, phase, args.order.into())
        }
        Err(blocked) => return Err(is_blocked(session, phase, &blocked)),
    };
    if let Some(hash) = &args.plan {
        as_shown(session, &plan, hash).await?;
    }
    passes_the_linter(session, &plan, deployment)?;
    let is_down = is_down(upgrade);
    if phase == Phase::Window && !args.late && !is_down {
        fits(session, &plan)?;
    }
    let plan = if args.late || is_down { plan.without_latest_start() } else { plan };
    Ok((plan, Digest::of_json(deployment)))
}

/// Whether the page is up: then going on is the only way, in time or not.
pub fn is_down(upgrade: &Upgrade) -> bool {
    upgrade.run_of(Phase::Window).is_some_and(|run| downtime_began(run).is_some())
}

/// What the linter refuses a plan for.
pub fn unsafe_steps(plan: &Plan, deployment: &Deployment) -> Vec<String> {
    let findings = lint(plan, deployment);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| format!("{}: {}", finding.step, finding.message)).collect()
}

/// A phase that has ended may be planned anew as long as the next one has not begun.
fn may_be_made_anew(upgrade: &Upgrade, phase: Phase, blocked: &[Blocked]) -> bool {
    let only_finished = blocked.iter().all(|blocked| matches!(blocked, Blocked::Finished { .. }));
    let next_begun = upgrade.last_runs().any(|run| run.kind.phase().is_some_and(|other| other > phase));
    only_finished && !next_begun
}

fn is_blocked(session: &Session, phase: Phase, blocked: &[Blocked]) -> CommandError {
    let reasons: Vec<String> = blocked.iter().map(|blocked| format!("  - {blocked}")).collect();
    CommandError::refused(
        format!("`{phase}` cannot begin:\n{}", reasons.join("\n")),
        format!("nothing was changed; the whole picture: cutover check {}", session.file()),
    )
}

/// Refuses a plan that is not the one that was looked at, and says what has changed since.
async fn as_shown(session: &Session, plan: &Plan, hash: &str) -> Result<(), CommandError> {
    if plan.hash().as_str().starts_with(hash) {
        return Ok(());
    }
    let shown = shown_plans(&session.store, hash).await?;
    if let Some((_, other)) = shown.iter().find(|(_, other)| other.phase != plan.phase) {
        return Err(CommandError::refused(
            format!("{hash} is a plan of `{}`, and this is `{}`", other.phase, plan.phase),
            format!("look at this one: cutover plan {} --phase {}", session.file(), plan.phase),
        ));
    }
    let Some((_, before)) = shown.first() else {
        return Err(CommandError::refused(
            format!("no plan {hash} was ever shown; the plan now is {}", plan.hash().short()),
            format!("look at it: cutover plan {}", session.file()),
        ));
    };
    let changes: Vec<String> = before.basis.changes(&plan.basis).iter().map(|change| format!("  - {change}")).collect();
    let changes = if changes.is_empty() {
        vec!["  - the phase, the order asked for, or the steps that this version of cutover plans".to_owned()]
    } else {
        changes
    };
    Err(CommandError::refused(
        format!("plan {hash} is stale; what it was made from has changed:\n{}", changes.join("\n")),
        format!("look at the new plan, {}: cutover plan {}", plan.hash().short(), session.file()),
    ))
}

fn passes_the_linter(session: &Session, plan: &Plan, deployment: &Deployment) -> Result<(), CommandError> {
    let errors: Vec<String> = unsafe_steps(plan, deployment).iter().map(|error| format!("  - {error}")).collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(CommandError::refused(
        format!("the plan is not safe:\n{}", errors.join("\n")),
        format!("a mistake in cutover or in the file; look at the plan: cutover plan {} --steps", session.file()),
    ))
}

/// Whether the window, begun now, would end as announced.
///
/// # Errors
/// Refused when it would not.
pub fn fits(session: &Session, plan: &Plan) -> Result<(), CommandError> {
    let window = &session.deployment().window;
    let now = cutover_engine::ports::Clock::now(&*session.clock);
    let start = now.max(window.start.timestamp);
    let forecast = WindowForecast::of(plan, start, window.ends().timestamp);
    if forecast.fits {
        return Ok(());
    }
    Err(CommandError::refused(
        format!(
            "the window ends at {}, and the upgrade needs {} (or {} to go back from the last moment that allows it): \
             the latest safe start was {}",
            window.ends(),
            human(forecast.expected),
            human(forecast.back),
            window.start.show(forecast.latest_safe_start),
        ),
        "announce another window, or begin all the same with --late",
    ))
}

/// Who would have to be asked before a phase is run from here; nothing when nobody seems to conduct the upgrade. Whoever
/// holds a lease that cannot be read may be at work.
///
/// # Errors
/// When the lease cannot be read.
pub async fn conductor(session: &Session) -> Result<Option<String>, CommandError> {
    let last = cutover_engine::lease::last(&session.store).await?;
    let alive = last.filter(|(_, holder)| holder.seems_alive(&session.machine) != Some(false));
    Ok(alive.map(|(_, holder)| holder.identity.to_string()))
}
