//! Failures of which only the engine knows: a step that is in doubt, is past its limit, or is not started again.

use cutover_core::plan::{Action, Step};
use cutover_core::time::human;

use crate::act::StepContext;
use crate::failure::Failure;

pub(super) fn needs_approval(step: &Step) -> Failure {
    let host = match &step.action {
        Action::Migrate(migrate) => format!(" on {}, which has no record of its job now", migrate.host.name),
        _ => String::new(),
    };
    Failure::permanent(format!(
        "this migration may have been started before{host}, and may be half done, so it is not started again automatically"
    ))
    .with_hint(format!("check how far it came; then run the phase again with --retry {}", step.id))
}

pub(super) fn in_doubt(step: &Step, failure: Option<&Failure>) -> Failure {
    let answer = failure.map_or_else(String::new, |failure| format!(" ({failure})"));
    Failure::permanent(format!(
        "in doubt: it is not known whether this was done{answer}, and there is no way to check it automatically"
    ))
    .with_hint(format!(
        "find out. If it was not done, run the phase again with --retry {id}; if it was, with --accept {id} \
         --because TEXT",
        id = step.id
    ))
}

pub(super) fn past_limit(context: &StepContext<'_>, told: &str) -> Failure {
    let waited = format!("not done after {}", human(context.step.limit));
    match (context.run().open_job(), told) {
        (Some((host, job)), told) => {
            let so_far = if told.is_empty() { String::new() } else { format!(" ({told})") };
            let why = format!("{waited}; job {job} is still running on {host}{so_far}");
            Failure::permanent(why).with_hint("run the phase again to wait for it further")
        }
        (None, "") => Failure::permanent(waited),
        (None, told) => {
            let failure = Failure::permanent(format!("{waited}: {told}"));
            match &context.step.action {
                Action::AwaitHealthy(_) => failure.with_hint(NOT_HEALTHY),
                _ => failure,
            }
        }
    }
}

/// What to do about hosts that a balancer does not find healthy.
const NOT_HEALTHY: &str = "ask such a host for what the balancer's health check asks for, and look at its services; once it \
                           answers, run the phase again";
