//! Migrations that windows have begun and of which nobody knows that they have ended well. They may still run, or have left
//! a schema half migrated, so a window does not go on as if they had never been.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Acted, Fact, Run, RunKind, StepRun, StepStatus, Upgrade};
use crate::names::{DatabaseName, FleetName, HostName, JobName, SchemaName, StepId};
use crate::plan::{Action, Migrate};

/// A migration that was begun, and has not ended well as far as is known. It is shown as a sentence about its last job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunMigration {
    /// The fleet.
    pub fleet: FleetName,
    /// The service, such as `lms`.
    pub service: String,
    /// The database alias, such as `default`.
    pub database: String,
    /// The schema that it migrates.
    pub schema: SchemaName,
    /// The job that was started last, or may have been.
    pub job: JobName,
    /// The host of that job.
    pub host: HostName,
    /// Whether it is known to have failed. Otherwise its end is not known, and it may still run, although its step has failed.
    pub has_failed: bool,
}

impl BegunMigration {
    fn of(migrate: &Migrate, run: &StepRun) -> Self {
        let started = run.last_job().map(|(host, job)| (host.clone(), job.clone()));
        let (host, job) = started.unwrap_or_else(|| (migrate.host.name.clone(), migrate.job_of_run(run.retries)));
        Self {
            fleet: migrate.fleet.clone(),
            service: migrate.service.clone(),
            database: migrate.database.clone(),
            schema: migrate.schema.clone(),
            job,
            host,
            has_failed: has_failed(run),
        }
    }

    /// `lms default of residential-live`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {} of {}", self.service, self.database, self.fleet)
    }
}

impl fmt::Display for BegunMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, host, schema, .. } = self;
        write!(f, "job {job} was, or may have been, started on {host}, and ")?;
        match self.has_failed {
            true => write!(f, "it has failed: {schema} may be half migrated"),
            false => write!(f, "its end is not known: it may still migrate {schema}"),
        }
    }
}

/// The migrations that were begun and have not ended well as far as is known, in the order in which they were begun.
/// After a rollback, those before it do not count.
#[must_use]
pub fn begun_migrations(upgrade: &Upgrade) -> Vec<BegunMigration> {
    let windows = since_back(upgrade).iter().filter(|run| run.kind == RunKind::Window);
    let mut begun: Vec<(&Migrate, &StepRun)> = Vec::new();
    for (step, run) in windows.flat_map(Run::runs) {
        let Action::Migrate(migrate) = &step.action else { continue };
        let known = begun.iter().position(|(other, _)| is_the_same(other, migrate));
        match known {
            Some(known) if run.status.is_done() => drop(begun.remove(known)),
            Some(known) if !run.status.is_untouched() => begun[known].1 = run,
            None if was_begun(run) => begun.push((migrate, run)),
            _ => {}
        }
    }
    begun.into_iter().map(|(migrate, run)| BegunMigration::of(migrate, run)).collect()
}

/// The runs since the last way back, before which nothing counts.
fn since_back(upgrade: &Upgrade) -> &[Run] {
    let first = upgrade.runs.iter().rposition(|run| run.kind == RunKind::Rollback).map_or(0, |back| back + 1);
    &upgrade.runs[first..]
}

/// Whether a migration was seen through by this job, in any plan since the last way back.
#[must_use]
pub fn was_done_by(upgrade: &Upgrade, migrate: &Migrate, host: &HostName, job: &JobName) -> bool {
    since_back(upgrade).iter().flat_map(Run::runs).any(|(step, run)| match &step.action {
        Action::Migrate(other) => {
            is_the_same(other, migrate) && run.status.is_done() && run.last_job() == Some((host, job))
        }
        _ => false,
    })
}

/// Whether the last job of a migration is known to have failed. A step also fails because its job takes too long.
fn has_failed(run: &StepRun) -> bool {
    run.facts.iter().any(|fact| matches!(fact, Fact::Job { .. })) && run.open_job().is_none()
}

/// Whether a step was begun in the run that it is of. That an earlier one has begun it is known from that one.
fn was_begun(run: &StepRun) -> bool {
    run.status.is_open() || !run.status.is_done() && !run.status.is_untouched() && run.acted != Acted::No
}

/// Whether both migrate the same schema by the same service.
fn is_the_same(one: &Migrate, other: &Migrate) -> bool {
    one.is_of_the_same(other) && one.schema == other.schema
}

/// Whether a migration of a database instance was begun in any window, so that it may have changed it.
#[must_use]
pub fn migration_was_begun(upgrade: &Upgrade, database: &DatabaseName) -> bool {
    let job = |fact: &Fact| matches!(fact, Fact::Job { .. });
    let was_begun = |run: &StepRun| {
        run.status.is_open()
            || run.status.is_done()
            || run.acted != Acted::No
            || run.in_doubt
            || run.facts.iter().any(job)
    };
    upgrade.runs.iter().flat_map(Run::runs).any(|(step, run)| match &step.action {
        Action::Migrate(migrate) => migrate.instance == *database && was_begun(run),
        _ => false,
    })
}

/// Whether a migration that was started may have applied anything. It certainly has not if nothing was started, or if it never
/// failed, has succeeded, and reported that it applied nothing.
pub(super) fn may_have_applied(run: &Run, upgrade: &Upgrade, step: &StepId, migrate: &Migrate) -> bool {
    let step = run.run(step);
    match step.status {
        StepStatus::Waiting | StepStatus::Done | StepStatus::Held | StepStatus::Undone => {
            // What runs before and after migrations may have changed data although nothing was pending.
            step.failures > 0 || applied(upgrade, migrate) || (migrate.sequence.is_some() && step.has_begun_job())
        }
        StepStatus::Failed { .. } => step.acted != Acted::No,
        _ => true,
    }
}

/// Whether a migration that has ended applied anything. If the journal does not say, it may have.
fn applied(upgrade: &Upgrade, migrate: &Migrate) -> bool {
    let mut of_migrate = upgrade.migrated.iter().filter_map(|fact| match fact {
        Fact::Migrated { fleet, service, database, applied, .. }
            if *fleet == migrate.fleet && *service == migrate.service && *database == migrate.database =>
        {
            Some(*applied)
        }
        _ => None,
    });
    let first = of_migrate.next();
    first.is_none_or(|count| count > 0) || of_migrate.any(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::digest::Digest;
    use crate::journal::{Event, RunNumber};
    use crate::plan::{Phase, Sequence};
    use crate::testing::{migrate, plan, step};

    /// Begins a window that migrates this schema, and lets these events happen to its step.
    fn window(upgrade: &mut Upgrade, number: u32, schema: &str, events: &[Event]) {
        let plan = Arc::new(plan(Phase::Window, vec![step("migrate", Action::Migrate(migrate(schema)), &[])]));
        let (run, deployment) = (RunNumber(number), Digest::of(b""));
        let begin = Event::RunStarted { run, kind: RunKind::Window, plan, deployment };
        for event in std::iter::once(&begin).chain(events) {
            upgrade.apply(Timestamp::UNIX_EPOCH, event).expect("it can follow");
        }
    }

    fn started() -> Event {
        Event::StepStarted { step: "migrate".into(), attempt: 1 }
    }

    fn learned(fact: Fact) -> Event {
        Event::StepLearned { step: "migrate".into(), facts: vec![fact] }
    }

    #[test]
    fn a_migration_has_failed_only_if_its_job_is_on_record_with_its_failure() {
        let (host, job) = (HostName::from("edx-0"), JobName::from("migrate-lms"));
        let begun = learned(Fact::Job { host: host.clone(), job: job.clone(), started: true });
        let ended = learned(Fact::JobFailed { host, job });
        let has_failed = |events: &[Event]| {
            let mut upgrade = Upgrade::default();
            window(&mut upgrade, 1, "live", events);
            begun_migrations(&upgrade).iter().map(|begun| begun.has_failed).collect::<Vec<_>>()
        };
        assert_eq!(has_failed(&[]), Vec::<bool>::new());
        assert_eq!(has_failed(&[started()]), [false], "no answer has come yet");
        assert_eq!(has_failed(&[started(), begun.clone()]), [false]);
        assert_eq!(has_failed(&[started(), begun, ended]), [true]);
    }

    #[test]
    fn commands_around_a_migration_may_have_changed_data_although_nothing_was_pending() {
        let commands = || {
            let (lock_command, before, fake, command) = Default::default();
            Box::new(Sequence { lock_command, before, fake, command, after: vec![vec!["reindex".to_owned()]] })
        };
        let may_have_changed = |sequence: Option<Box<Sequence>>, begins_job: bool| {
            let migrate = Migrate { sequence, ..migrate("live") };
            let job = Fact::Job { host: migrate.host.name.clone(), job: migrate.job.clone(), started: true };
            let (fleet, service, database) = (migrate.fleet.clone(), migrate.service.clone(), migrate.database.clone());
            let (ran, moved) = (Vec::new(), Vec::new());
            let nothing = Fact::Migrated { fleet, service, database, applied: 0, ran, moved, peak_memory: None };
            let plan = Arc::new(plan(Phase::Window, vec![step("migrate", Action::Migrate(migrate.clone()), &[])]));
            let (number, kind, deployment) = (RunNumber(1), RunKind::Window, Digest::of(b""));
            let begin = Event::RunStarted { run: number, kind, plan, deployment };
            let done = Event::StepDone { step: "migrate".into(), facts: vec![nothing] };
            let events = [begin, started()].into_iter().chain(begins_job.then(|| learned(job))).chain([done]);
            let mut upgrade = Upgrade::default();
            for event in events {
                upgrade.apply(Timestamp::UNIX_EPOCH, &event).expect("it can follow");
            }
            may_have_applied(&upgrade.runs[0], &upgrade, &"migrate".into(), &migrate)
        };
        assert!(may_have_changed(Some(commands()), true));
        assert!(!may_have_changed(None, true), "the command had nothing to apply");
        assert!(!may_have_changed(Some(commands()), false), "no job was begun");
    }

    #[test]
    fn the_migration_of_another_schema_does_not_end_this_one() {
        let done = Event::StepDone { step: "migrate".into(), facts: Vec::new() };
        let left_after = |schema: &str, events: &[Event]| {
            let mut upgrade = Upgrade::default();
            window(&mut upgrade, 1, "live", &[started()]);
            window(&mut upgrade, 2, schema, events);
            begun_migrations(&upgrade).iter().map(|begun| begun.schema.to_string()).collect::<Vec<_>>()
        };
        // A step that is the same in both plans goes on.
        assert_eq!(left_after("live", std::slice::from_ref(&done)), Vec::<String>::new());
        assert_eq!(left_after("draft", &[started(), done]), ["live"]);
    }
}
