//! What the operator is told of a migration that has failed, or whose end nobody knows: how its job ended, what has run, where
//! it is stuck, and what the choices are.

use cutover_core::names::{HostName, JobName, SnapshotId};
use cutover_core::plan::{Action, Host, Line, Migrate, Phase};
use cutover_core::time::human;
use cutover_hosts::job::JobState;

use super::fate::is_gone;
use super::migration_evidence::shown;
use super::migration_limit::{EndedByLimit, was_ended};
use super::sequence::does_more;
use super::{Seen, StepContext};
use crate::failure::Failure;

/// A job was started of which its host has no record.
pub(super) async fn lost(context: &StepContext<'_>, migrate: &Migrate, host: &HostName, job: &JobName) -> Seen {
    let launched = context.journal.upgrade().launched.get(host).cloned();
    let what = match launched {
        Some(id) if *host != migrate.host.name && is_gone(context, &id).await => "is gone",
        _ => "has no record of it now",
    };
    let why = format!(
        "job {job} was, or may have been, started on {host}, which {what}. The schema {} may be half migrated. The \
         maintenance page must stay up",
        migrate.schema
    );
    Seen::never(why, check_first(context))
}

/// A job has seen the migration through, and the code of the host on which it is looked at now has more migrations.
pub(super) fn has_more(context: &StepContext<'_>, migrate: &Migrate, by: &HostName, pending: Option<usize>) -> Seen {
    let pending = pending.map_or_else(|| "some".to_owned(), |pending| pending.to_string());
    let why = format!(
        "{} was migrated from {by}, and {pending} migrations are pending for the code of {}",
        migrate.schema, migrate.host.name
    );
    let hint = format!(
        "run the migration's `list_command` there to see which, and find out whether both hosts are to have the same code; \
         to apply them, run the phase again with --retry {}",
        context.step.id
    );
    Seen::never(why, hint)
}

/// What to do about a job of which nobody can tell how it ended.
fn check_first(context: &StepContext<'_>) -> String {
    let hint = "check the schema's migrations before anything else, then run the phase again with --retry";
    format!("{hint} {}", context.step.id)
}

/// A job may have run on a host that is gone now.
pub(super) fn left_by(context: &StepContext<'_>, migrate: &Migrate, host: &Host, job: &JobName) -> Failure {
    let why = format!(
        "job {job} was, or may have been, started on {}, which is gone. The schema {} may be half migrated. The \
         maintenance page must stay up",
        host.name, migrate.schema
    );
    Failure::permanent(why).with_hint(check_first(context))
}

/// The snapshot that this window has taken of the migration's database after its writers had stopped.
fn snapshot(context: &StepContext<'_>, migrate: &Migrate) -> Option<SnapshotId> {
    let upgrade = context.journal.upgrade();
    let run = upgrade.run_of(Phase::Window)?;
    run.plan.steps.iter().find_map(|step| match &step.action {
        Action::TakeSnapshot { database, snapshot }
            if *database == migrate.instance && step.line == Line::Snapshot && run.status(&step.id).is_done() =>
        {
            Some(snapshot.clone())
        }
        _ => None,
    })
}

/// What ran, where it is stuck, and what the operator can do.
pub(super) async fn diagnosis(
    context: &StepContext<'_>,
    migrate: &Migrate,
    state: &JobState,
    pending: Option<usize>,
    job: &JobName,
) -> Seen {
    let stuck_at = context.found.output.borrow()[job].now().map(|now| now.migration.clone());
    let stuck = match &stuck_at {
        None => String::new(),
        Some(migration) => match shown(context, migrate, job, migration).await {
            None => format!("; stuck at {migration}"),
            Some(words) => format!("; stuck at {migration}: {words}"),
        },
    };
    let outputs = context.found.output.borrow();
    let printed = &outputs[job];
    let error = printed.error();
    let said = match &error {
        Some(error) => format!("; {error}"),
        None => printed.complaint().map_or_else(String::new, |line| format!("; it says last: {line}")),
    };
    let part = migrate.sequence.as_ref().and_then(|_| printed.part());
    let part_of_failure = part.as_ref().filter(|_| !matches!(state, JobState::Ended { exit: 0, .. }));
    let during = part_of_failure.map_or_else(String::new, |part| format!(" in the part `{part}`"));
    let pending = pending.map_or_else(|| "an unknown number".to_owned(), |pending| pending.to_string());
    let back = match snapshot(context, migrate) {
        Some(snapshot) => format!("reverse it by hand, or restore the snapshot {snapshot}"),
        None => "reverse it by hand: there is no snapshot".to_owned(),
    };
    let waits_for_lock = migrate.is_locked && part.is_none();
    let (ending, first) = ending(context, (migrate, job), waits_for_lock, state);
    let first = error.and_then(|error| error.cause.remedy()).unwrap_or(first);
    let why = format!(
        "{ending}{during}: {} migrations of {} were applied, {pending} are pending{stuck}{said}. The schema may be half migrated, and \
         the maintenance page must stay up",
        printed.ran().len(),
        migrate.schema,
    );
    let step = &context.step.id;
    let hint = match pending.as_str() {
        "0" => format!(
            "{first}. If the schema is complete, run the phase again with --retry {step}: {}. Otherwise {back}",
            match does_more(migrate) {
                true => "the commands before and after it are run again, with nothing to apply",
                false => "the command then has nothing to apply",
            }
        ),
        _ => format!("{first}, then mend the schema and run the phase again with --retry {step}, or {back}"),
    };
    Seen::never(why, hint)
}

/// The exit status with which a `lock_command` says that somebody else has the lock: `EX_TEMPFAIL` of sysexits.
const LOCK_IS_HELD: i32 = 75;

/// How a job has ended that has not applied everything, and what the operator does first. `waits_for_lock` says that it has not
/// begun anything that its lock is for.
fn ending(
    context: &StepContext<'_>,
    (migrate, job): (&Migrate, &JobName),
    waits_for_lock: bool,
    state: &JobState,
) -> (String, &'static str) {
    let host = &migrate.host.name;
    let was_ended = was_ended(context, job);
    match state {
        JobState::Ended { out_of_memory: true, peak_memory, .. } => {
            let peak = peak_memory.map_or_else(String::new, |bytes| format!(", after it had used {} MB", bytes >> 20));
            let ending = format!("job {job} on {host} was killed because the host ran out of memory{peak}");
            (ending, "free memory there or give it a larger host")
        }
        JobState::Ended { exit: 0, .. } if was_ended != EndedByLimit::No => {
            let perhaps = if was_ended == EndedByLimit::Yes { "" } else { ", or may have been," };
            let ending = format!(
                "job {job} on {host} ended with exit status 0, and it or what it had started was{perhaps} killed by its limit of {}",
                human(context.step.limit)
            );
            (ending, STATEMENT_MAY_GO_ON)
        }
        JobState::Ended { exit: 1.., .. } | JobState::Vanished if was_ended == EndedByLimit::Yes => {
            let limit = human(context.step.limit);
            (format!("job {job} on {host} was killed by its limit of {limit}"), STATEMENT_MAY_GO_ON)
        }
        JobState::Ended { exit: 1.., .. } | JobState::Vanished if was_ended == EndedByLimit::Perhaps => {
            let limit = human(context.step.limit);
            let ending =
                format!("job {job} on {host} has ended after it was, or may have been, killed by its limit of {limit}");
            (ending, STATEMENT_MAY_GO_ON)
        }
        JobState::Ended { exit: LOCK_IS_HELD, .. } if waits_for_lock => {
            let ending = format!("job {job} on {host} did not get its lock, because somebody else has it");
            (ending, "find out who else migrates this schema")
        }
        JobState::Ended { exit: signalled @ 129..=159, .. } => {
            let ending = format!("somebody has killed job {job} on {host}, with {}", signal(signalled - 128));
            (ending, "find out who killed it: the kernel does it too when memory runs out")
        }
        JobState::Ended { exit, .. } => {
            (format!("job {job} on {host} ended with exit status {exit}"), "read the job's output on the host")
        }
        JobState::HostRestarted => {
            (format!("{host} was restarted while job {job} ran there"), "find out why the host was restarted")
        }
        JobState::Vanished => (
            format!("somebody has killed all processes of job {job} on {host}, so its exit status is unknown"),
            "find out who killed it",
        ),
        JobState::Running => (format!("job {job} still runs on {host}"), "wait for its end"),
    }
}

/// What to do first after the client of a database was killed.
const STATEMENT_MAY_GO_ON: &str = "see in the database's list of sessions that its last statement does not go on";

/// A signal by its name.
fn signal(number: i32) -> String {
    match number {
        1 => "SIGHUP".to_owned(),
        2 => "SIGINT".to_owned(),
        9 => "SIGKILL".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => format!("signal {other}"),
    }
}
