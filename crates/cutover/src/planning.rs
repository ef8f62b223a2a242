//! Makes the plan that a phase will run, or refuses it before anything is changed.

use cutover_core::deployment::Deployment;
use cutover_core::digest::Digest;
use cutover_core::journal::{Run, Upgrade, page_was_posted, stopped_early};
use cutover_core::plan::{Phase, Plan, Severity, lint};
use cutover_core::planner::{
    Blocked, Inputs, blocked_by_world, cannot_open, forecast, is_down, left_out, plan, posts_again,
};
use cutover_core::status::{PhaseOptions, forecast_now, phase_command_with};
use cutover_core::time::human;
use cutover_engine::inbox::shown_plans;

use crate::args::PhaseArgs;
use crate::error::CommandError;
use crate::ready::refuse_unready;
use crate::session::Session;
use crate::{absent, output};

/// The plan for a phase that can start, with the digest of the file that it was made from.
///
/// # Errors
/// Refused when the phase cannot start; the error gives all reasons at once.
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
        Err(blocked) if args.replan && may_be_made_anew(inputs, phase, &blocked) => {
            let in_the_way = match phase {
                Phase::Prepare => blocked_by_world(inputs, phase),
                Phase::Announce | Phase::Window | Phase::Retire => Vec::new(),
            };
            if !in_the_way.is_empty() {
                return Err(cannot_start(session, phase, false, &in_the_way));
            }
            forecast(inputs, phase, args.order.into())
        }
        Err(blocked) => return Err(cannot_start(session, phase, args.replan, &blocked)),
    };
    if let Some(hash) = &args.plan {
        refuse_unless_shown(session, &plan, hash).await?;
    }
    refuse_unsafe(session, &plan, deployment)?;
    let stopped: Vec<String> = stopped_early(upgrade).iter().map(|stop| stop.host.name.to_string()).collect();
    if phase != Phase::Window && !stopped.is_empty() {
        output::note(&format!("{STOPPED} ({})", stopped.join(", ")));
    }
    let left_out: Vec<String> = left_out(inputs).iter().map(ToString::to_string).collect();
    if phase == Phase::Window && !left_out.is_empty() {
        output::note(&format!("{}: {WITHOUT}", left_out.join(", ")));
    }
    let is_down = is_down(inputs);
    if phase == Phase::Window && !args.late && !is_down {
        refuse_late(args, session, &plan)?;
    }
    let was_late = upgrade.run_of(phase).is_some_and(|run| run.plan.opens_late());
    let plan = match is_down {
        // What was decided before the page went up stands.
        true if was_late => plan.opening_late(),
        true => plan.without_latest_start(),
        false if args.late && phase == Phase::Window && lateness(session, &plan).is_some() => plan.opening_late(),
        false => plan,
    };
    let again = posts_again(upgrade, &plan);
    if !again.is_empty() {
        return Err(cannot_start(session, phase, args.replan, &again));
    }
    if session.embedded().is_none() {
        absent::refuse(&plan)?;
    }
    if phase == Phase::Window && !is_down {
        refuse_unready(session, inputs).await?;
    }
    Ok((plan, Digest::of_json(deployment)))
}

/// What is said about next hosts that a window goes on without.
const WITHOUT: &str = "gone, so the window goes on without; launch others by hand once all sites are served";

/// What is said when the window is not opened next, although it has stopped services already.
const STOPPED: &str = "the window has stopped services on current hosts, which visitors need until it opens: start them by \
                       hand, as `cutover status` says";

/// The plan with which a window under way goes on, if it is another one because of `--late`. A window that has not sent
/// visitors to the maintenance page yet is refused if the world does not allow it to open any more: it would fail with the
/// page up.
///
/// # Errors
/// Refused with all reasons, or when the world cannot be observed.
pub async fn resumed_window(
    args: &PhaseArgs,
    session: &Session,
    upgrade: &Upgrade,
    run: &Run,
) -> Result<Option<Plan>, CommandError> {
    let is_posted = page_was_posted(run);
    if is_posted && !args.late {
        return Ok(None);
    }
    let observation = session.observe(upgrade).await?;
    let inputs = Inputs { deployment: session.deployment(), observation: &observation, upgrade };
    let blocked = if is_posted { Vec::new() } else { cannot_open(inputs) };
    if !blocked.is_empty() {
        return Err(cannot_start(session, Phase::Window, false, &blocked));
    }
    if !is_posted && !is_down(inputs) {
        refuse_unready(session, inputs).await?;
    }
    Ok(if args.late { resumed_late(session, inputs, run) } else { None })
}

/// The plan of a window under way, resumed with `--late`: its steps that are done stay done, but before visitors see the
/// page, people decide again whether to open it. Nothing if it would end in time: then it goes on as it is. If a
/// conductor ended at the call that puts the page up, only the zone says whether visitors see it.
fn resumed_late(session: &Session, inputs: Inputs<'_>, run: &Run) -> Option<Plan> {
    let plan = Plan::clone(&run.plan);
    match is_down(inputs) {
        true => Some(plan.without_latest_start()),
        false => lateness(session, &plan).map(|_| plan.opening_late()),
    }
}

/// The errors for which the linter refuses a plan.
pub fn unsafe_steps(plan: &Plan, deployment: &Deployment) -> Vec<String> {
    let findings = lint(plan, deployment);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| format!("{}: {}", finding.step, finding.message)).collect()
}

/// Whether a phase that has ended may be planned again. What people are told and which hosts are prepared may change until
/// visitors may see the maintenance page. A window that has succeeded is not run again: visitors are on the sites.
fn may_be_made_anew(inputs: Inputs<'_>, phase: Phase, blocked: &[Blocked]) -> bool {
    let only_finished = blocked.iter().all(|blocked| matches!(blocked, Blocked::Finished { .. }));
    let is_too_late = match phase {
        Phase::Announce | Phase::Prepare => is_down(inputs) || inputs.upgrade.finished(Phase::Window),
        Phase::Window => true,
        Phase::Retire => inputs.upgrade.last_runs().any(|run| run.kind.phase().is_some_and(|other| other > phase)),
    };
    only_finished && !is_too_late
}

fn cannot_start(session: &Session, phase: Phase, replan: bool, blocked: &[Blocked]) -> CommandError {
    let mut reasons: Vec<String> = blocked.iter().map(|blocked| format!("  - {blocked}")).collect();
    let is_finished = blocked.iter().any(|blocked| matches!(blocked, Blocked::Finished { .. }));
    if replan && is_finished {
        reasons.push(format!("  - {}", too_late_to_replan(phase)));
    }
    CommandError::refused(
        format!("`{phase}` cannot start:\n{}", reasons.join("\n")),
        format!("nothing was changed; for a complete check: cutover check {}", session.file()),
    )
}

const fn too_late_to_replan(phase: Phase) -> &'static str {
    match phase {
        Phase::Announce | Phase::Prepare => {
            "it can be planned again only until visitors are sent to the maintenance page"
        }
        Phase::Window => {
            "it is not planned again: visitors are on the sites, and it would send them to the page once more"
        }
        Phase::Retire => "it can be planned again only until the next phase has started",
    }
}

/// Refuses a plan if it is not the one that the operator has seen, and says what has changed since.
async fn refuse_unless_shown(session: &Session, plan: &Plan, hash: &str) -> Result<(), CommandError> {
    if plan.hash().as_str().starts_with(hash) {
        return Ok(());
    }
    let shown = shown_plans(&session.store, hash).await?;
    if let Some((_, other)) = shown.iter().find(|(_, other)| other.phase != plan.phase) {
        return Err(CommandError::refused(
            format!("{hash} is a plan for `{}`, not for `{}`", other.phase, plan.phase),
            format!("to see this one: cutover plan {} --phase {}", session.file(), plan.phase),
        ));
    }
    let Some((_, before)) = shown.first() else {
        return Err(CommandError::refused(
            format!("no plan {hash} was ever shown; the current plan is {}", plan.hash().short()),
            format!("to see it: cutover plan {}", session.file()),
        ));
    };
    let changes: Vec<String> = before.basis.changes(&plan.basis).iter().map(|change| format!("  - {change}")).collect();
    let changes = if changes.is_empty() {
        vec!["  - the phase, the order, or the steps that this version of cutover plans".to_owned()]
    } else {
        changes
    };
    Err(CommandError::refused(
        format!("plan {hash} is stale; what it was made from has changed:\n{}", changes.join("\n")),
        format!("to see the new plan, {}: cutover plan {}", plan.hash().short(), session.file()),
    ))
}

/// Refuses a plan in which the linter finds errors.
fn refuse_unsafe(session: &Session, plan: &Plan, deployment: &Deployment) -> Result<(), CommandError> {
    let errors: Vec<String> = unsafe_steps(plan, deployment).iter().map(|error| format!("  - {error}")).collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(CommandError::refused(
        format!("the plan is not safe:\n{}", errors.join("\n")),
        format!("cutover or the file has a mistake; to see the plan: cutover plan {} --steps", session.file()),
    ))
}

/// Refuses a window that, started now, would not end in time.
///
/// # Errors
/// When it would not. The hint repeats what was typed, with `--late`.
pub fn refuse_late(args: &PhaseArgs, session: &Session, plan: &Plan) -> Result<(), CommandError> {
    let Some(because) = lateness(session, plan) else { return Ok(()) };
    let file = session.file();
    let again = PhaseOptions { replan: true, ..PhaseOptions::default() };
    let typed = PhaseOptions { order: args.order.into(), replan: args.replan, late: true, plan: args.plan.as_deref() };
    Err(CommandError::refused(
        because,
        format!(
            "to move the window, edit `start` and `length` under [window] in the file, then: {}\nto start all the \
             same: {}",
            phase_command_with(Phase::Announce, &file, again),
            phase_command_with(plan.phase, &file, typed),
        ),
    ))
}

/// Why a window with this plan would not end in time if it were started now; nothing if it would.
pub fn lateness(session: &Session, plan: &Plan) -> Option<String> {
    let window = &session.deployment().window;
    let forecast = forecast_now(plan, session.deployment(), session.clock.now());
    (!forecast.fits).then(|| {
        format!(
            "the window ends at {}, and the upgrade needs {} (or {} to go back from the last moment that allows it): \
             the latest safe start was {}",
            window.ends(),
            human(forecast.expected),
            human(forecast.back),
            window.start.show(forecast.latest_safe_start),
        )
    })
}
