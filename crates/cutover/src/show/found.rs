//! What steps have found that nobody expects, in words: for the log, `status` and the report.

use cutover_core::journal::{Fact, LateRequests, OldCode};
use cutover_core::names::{ProgramName, SnapshotId};

use super::text::prose;

/// The text for programs that were killed.
pub(super) fn killed(fact: &Fact) -> Option<String> {
    let Fact::Killed { host, programs, tasks } = fact else { return None };
    let tasks: Vec<String> = tasks.iter().map(ToString::to_string).collect();
    let with = if tasks.is_empty() { String::new() } else { format!("; with them end the tasks {}", tasks.join(", ")) };
    Some(format!("about to be killed on {host}, after the stop limit: {}{with}", joined(programs)))
}

/// Programs, or what is left of programs that are not known.
pub(super) fn joined(programs: &[ProgramName]) -> String {
    let names: Vec<&str> = programs.iter().map(ProgramName::as_str).collect();
    if names.is_empty() { "processes that supervisor had started".to_owned() } else { names.join(", ") }
}

/// The text for programs that were running again.
pub(super) fn ran_again(fact: &Fact) -> Option<String> {
    let Fact::RanAgain { host, programs, snapshots } = fact else { return None };
    let lacking = match snapshots.is_empty() {
        true => String::new(),
        false => {
            let snapshots: Vec<&str> = snapshots.iter().map(SnapshotId::as_str).collect();
            format!("; what they wrote may be missing from {}", snapshots.join(", "))
        }
    };
    Some(format!("running again on {host} after they had been stopped: {}{lacking}", joined(programs)))
}

/// The text for old code that was found on a migrated schema.
pub(super) fn old_code(old: &OldCode) -> String {
    format!(
        "old code ran on a migrated schema: {} on {} were found running after its migrations had begun. What they wrote may be \
         wrong.",
        joined(&old.programs),
        old.host
    )
}

/// The text for requests that still arrived at current hosts; nothing if nobody has counted them.
pub(super) fn late_requests<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Option<String> {
    LateRequests::words(facts.into_iter().filter_map(|fact| match fact {
        Fact::LateRequests(counted) => Some(counted),
        _ => None,
    }))
}

/// The text for sessions that may be of programs that must be stopped.
pub(super) fn unknown_sessions(fact: &Fact) -> Option<String> {
    let Fact::UnknownSessions { host, sessions } = fact else { return None };
    let sessions = sessions.iter().map(|session| prose(session)).collect::<Vec<_>>().join("; ");
    Some(format!(
        "went on on {host} in sessions that `su` had opened; if a program has started them, old code ran on: {sessions}"
    ))
}
