//! What is refused before a phase is resumed.

use cutover_core::journal::{Run, StepRun, StepStatus, Upgrade, opens_by};
use cutover_core::plan::Phase;
use cutover_core::status::Edited;

use super::status::again;
use crate::args::PhaseArgs;
use crate::error::CommandError;
use crate::planning;
use crate::session::Session;

/// The phase may have succeeded since the command was suggested, or may not be possible yet: the status knows.
const NOTHING_TO_DECIDE: &str = "there is none now; `cutover status` shows what to type next";

/// Refuses `--retry` for a step that has not failed, and for a migration whose job may still run: nobody knows yet whether it
/// fails, and why.
pub(super) fn check_retry(
    args: &PhaseArgs,
    session: &Session,
    upgrade: &Upgrade,
    phase: Phase,
) -> Result<(), CommandError> {
    let under_way = upgrade.run_under_way().filter(|run| run.kind == phase.into());
    is_failed(args, phase, under_way)?;
    let runs = under_way
        .into_iter()
        .flat_map(Run::runs)
        .filter(|(step, _)| args.retry.iter().any(|id| step.id.as_str() == id));
    let Some((step, (host, job))) = runs.into_iter().find_map(|(step, run)| Some((step, run.open_job()?))) else {
        return Ok(());
    };
    let why = format!("`{}` cannot be retried now: job {job} may still run on {host}", step.id);
    let hint = format!(
        "wait for its end: {}; if it fails, that is shown, and `--retry` is accepted then",
        again(session, upgrade, phase)
    );
    Err(CommandError::refused(why, hint))
}

fn is_failed(args: &PhaseArgs, phase: Phase, under_way: Option<&Run>) -> Result<(), CommandError> {
    let failed: Vec<&str> = under_way.into_iter().flat_map(Run::failed).map(|(step, _)| step.id.as_str()).collect();
    let Some(other) = args.retry.iter().find(|step| !failed.contains(&step.as_str())) else { return Ok(()) };
    let hint = match failed.is_empty() {
        true => NOTHING_TO_DECIDE.to_owned(),
        false => format!("these have failed: {}", failed.join(", ")),
    };
    Err(CommandError::refused(format!("`{other}` is not a failed step of `{phase}`"), hint))
}

/// Refuses `--accept` for a step that is not in doubt: a step known to have failed is not done.
pub(super) fn check_accept(args: &PhaseArgs, phase: Phase, under_way: Option<&Run>) -> Result<(), CommandError> {
    if let Some(both) = args.accept.iter().find(|step| args.retry.contains(step)) {
        let hint = "treat it as done with --accept, or try it again with --retry";
        return Err(CommandError::refused(format!("`{both}` cannot be accepted and retried at the same time"), hint));
    }
    let is_in_doubt = |run: &StepRun| matches!(run.status, StepStatus::Failed { in_doubt: true, .. });
    let in_doubt = under_way.into_iter().flat_map(Run::runs).filter(|(_, run)| is_in_doubt(run));
    let in_doubt: Vec<&str> = in_doubt.map(|(step, _)| step.id.as_str()).collect();
    let Some(other) = args.accept.iter().find(|step| !in_doubt.contains(&step.as_str())) else { return Ok(()) };
    let hint = match in_doubt.is_empty() {
        true => NOTHING_TO_DECIDE.to_owned(),
        false => format!("these are in doubt: {}", in_doubt.join(", ")),
    };
    Err(CommandError::refused(format!("`{other}` is not a step of `{phase}` that is in doubt"), hint))
}

/// Refuses to resume if the file is not the one that the plan was made from, or if a window that no visitor has noticed
/// yet no longer fits.
pub(super) fn check_resume(
    args: &PhaseArgs,
    session: &Session,
    upgrade: &Upgrade,
    run: &Run,
) -> Result<(), CommandError> {
    let phase = run.plan.phase;
    if !run.was_planned_from(session.deployment()) {
        let edited = Edited::of(upgrade, session.deployment());
        let too_late = edited.as_ref().and_then(|edited| edited.put_back_words(session.deployment().window.start));
        let hint = too_late.unwrap_or_else(|| {
            // New dates are announced, and new hosts prepared, before the window is planned again.
            let planned_again = edited.map_or(phase, |edited| edited.phase);
            format!("put the file back, or apply the edit: {}", again(session, upgrade, planned_again))
        });
        return Err(CommandError::refused(
            format!("{} has changed since `{phase}` was started", args.file.display()),
            hint,
        ));
    }
    if let Some(hash) = &args.plan
        && !run.plan.hash().as_str().starts_with(hash.as_str())
    {
        return Err(CommandError::refused(
            format!("`{phase}` was started with plan {}, not {hash}", run.plan.hash().short()),
            format!("resume that one: {}", again(session, upgrade, phase)),
        ));
    }
    if opens_by(run).is_some() && !args.late {
        planning::refuse_late(args, session, &run.plan)?;
    }
    Ok(())
}
