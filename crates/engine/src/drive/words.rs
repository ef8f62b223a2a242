//! Why a step has failed, where only the engine knows it: in doubt, past its limit, or not started again.

use cutover_core::plan::{Action, Step};
use cutover_core::time::human;

use crate::failure::Failure;

pub(super) fn needs_approval(step: &Step) -> String {
    let host = match &step.action {
        Action::Migrate(migrate) => format!(" on {}, which has no record of its job now", migrate.host.name),
        _ => String::new(),
    };
    format!(
        "this migration may have been started before{host}, and may be half done, so it is not started again \
         automatically. Check how far it came; then run the phase again with --retry {}",
        step.id
    )
}

pub(super) fn in_doubt(step: &Step, failure: Option<&Failure>) -> String {
    let answer = failure.map_or_else(String::new, |failure| format!(" ({failure})"));
    format!(
        "in doubt: it is not known whether this was done{answer}, and there is no way to check it automatically. \
         Find out. If it was not done, run the phase again with --retry {id}; if it was, with --accept {id}",
        id = step.id
    )
}

pub(super) fn past_limit(step: &Step, told: &str) -> String {
    let waited = format!("not there after {}", human(step.limit));
    match (&step.action, told) {
        (Action::Migrate(migrate), _) => format!(
            "{waited}; job {} is still running on {}: run the phase again to wait for it further",
            migrate.job, migrate.host.name
        ),
        (_, "") => waited,
        (_, told) => format!("{waited}: {told}"),
    }
}
