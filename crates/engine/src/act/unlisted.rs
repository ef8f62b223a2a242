//! Sessions of `su` on current hosts that nobody has listed as not belonging to the site. What a program has left there shows
//! nothing of it, so nothing goes past them without somebody's decision, and none is ever killed.

use cutover_core::journal::{Fact, migration_was_begun};
use cutover_core::names::HostName;
use cutover_core::plan::{Action, Step};
use cutover_core::unknown_sessions::{UnknownSession, ways_on};

use super::StepContext;
use crate::failure::Failure;

/// Those of the sessions that hold the step up. What a session writes that has begun after the programs were seen stopped is not
/// theirs, so later looks only put it on record, as every look does with what is listed.
pub(super) fn unlisted(
    context: &StepContext<'_>,
    host: &HostName,
    unrelated: &[String],
    sessions: Vec<UnknownSession>,
) -> Vec<UnknownSession> {
    let (listed, unlisted): (Vec<_>, Vec<_>) = sessions.into_iter().partition(|session| session.is_listed(unrelated));
    if !listed.is_empty() {
        context.note(Fact::UnrelatedSessions { host: host.clone(), sessions: in_words(&listed) });
    }
    if unlisted.is_empty() || context.step.looks_at_first() && !goes_on_after_the_stops(context) {
        return unlisted;
    }
    context.note(Fact::UnknownSessions { host: host.clone(), sessions: in_words(&unlisted) });
    Vec::new()
}

/// Whether the programs of this fleet were seen stopped, by this plan or by one before it: a snapshot of its databases or a migration
/// was begun.
fn goes_on_after_the_stops(context: &StepContext<'_>) -> bool {
    let upgrade = context.journal.upgrade();
    let Some(run) = upgrade.current_run() else { return false };
    let is_own = |step: &&Step| step.lane == context.step.lane;
    let migrates = run.plan.steps.iter().filter(is_own).any(|step| match &step.action {
        Action::Migrate(migrate) => migration_was_begun(&upgrade, &migrate.instance),
        _ => false,
    });
    let look = run.last_look(&context.step.lane);
    migrates || look.is_some_and(|look| look.snapshots.iter().any(|id| upgrade.begun_snapshots.contains_key(id)))
}

fn in_words(sessions: &[UnknownSession]) -> Vec<String> {
    sessions.iter().map(ToString::to_string).collect()
}

/// What such sessions are, with the ways on.
pub(super) fn words(sessions: &[UnknownSession], unrelated: &[String]) -> String {
    format!("{}; {}", in_words(sessions).join(", "), ways_on(sessions, unrelated))
}

/// Why a stop is not done although no program is left.
pub(super) fn not_past(host: &HostName, sessions: &[UnknownSession], unrelated: &[String]) -> Failure {
    let why = format!(
        "the programs on {host} are stopped, and a session of `su` goes on there that may be theirs or not, so it is not killed: {}",
        in_words(sessions).join(", ")
    );
    Failure::permanent(why).with_hint(format!(
        "{}; then run `cutover window` again, after a change of the file with `--replan`",
        ways_on(sessions, unrelated)
    ))
}
