//! Migrations, pending and applied, and the jobs that apply them one by one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::names::{FleetName, InstanceId, JobName, SchemaName};
use cutover_core::plan::Migrate;
use cutover_core::time::later;
use cutover_engine::failure::Failure;
use cutover_engine::ports::{Answer, JobProgress, JobStart};

use super::events::Event;
use super::state::WorldState;

/// Apps of edx-platform whose migrations the embedded cloud pretends to run.
const APPS: [&str; 8] = [
    "courseware",
    "student",
    "course_overviews",
    "grades",
    "certificates",
    "user_api",
    "oauth_dispatch",
    "verify_student",
];

/// What one migration command of one fleet has done and has still to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Migrations {
    pub(crate) fleet: FleetName,
    pub(crate) service: String,
    pub(crate) database: String,
    pub(crate) backward_compatible: bool,
    pub(crate) applied: u32,
    pub(crate) total: u32,
    expected: Duration,
}

impl Migrations {
    pub(crate) fn pending(&self) -> u32 {
        self.total - self.applied
    }
}

/// A migration command that was started on a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The place of what it does in the world's `migrations`.
    migrations: usize,
    pub(crate) schema: SchemaName,
    output: String,
    pub(crate) exit: Option<i32>,
    /// How long one migration takes.
    step: Duration,
    due: Timestamp,
}

impl Migrations {
    /// All of a fleet's migrations by one command, pending.
    pub(crate) fn furnish(fleet: &FleetName, migration: &cutover_core::deployment::Migration, total: u32) -> Self {
        Self {
            fleet: fleet.clone(),
            service: migration.service.clone(),
            database: migration.database.clone(),
            backward_compatible: migration.backward_compatible,
            applied: 0,
            total,
            expected: migration.expected.duration(),
        }
    }
}

impl WorldState {
    pub(crate) fn pending_migrations(&self, instance: &InstanceId, migrate: &Migrate) -> Answer<u32> {
        self.reachable(instance)?;
        Ok(self.migrations[self.migrations_of(migrate)?].pending())
    }

    pub(crate) fn start_job(&mut self, instance: &InstanceId, migrate: &Migrate) -> Answer<JobStart> {
        self.reachable(instance)?;
        if self.known_job(instance, &migrate.job).is_some() {
            return Ok(JobStart::Found);
        }
        let place = self.migrations_of(migrate)?;
        self.watch_migration(migrate, self.migrations[place].pending());
        let migrations = &self.migrations[place];
        let words = ["migrate", migrations.fleet.as_str(), &migrations.service, &migrations.database];
        let step = match migrations.total {
            0 => Duration::from_secs(5),
            total => self.varied(&words, migrations.expected) / total,
        };
        let step = Duration::from_millis(super::chance::milliseconds(step).max(1));
        let due = later(self.now, step.max(Duration::from_secs(if migrations.pending() == 0 { 5 } else { 0 })));
        let output = "Operations to perform:\n  Apply all migrations\nRunning migrations:\n".to_owned();
        let job = Job { migrations: place, schema: migrate.schema.clone(), output, exit: None, step, due };
        self.jobs.entry(instance.clone()).or_default().insert(migrate.job.clone(), job);
        self.agenda.schedule(due, Event::JobMoves { instance: instance.clone(), job: migrate.job.clone() });
        Ok(JobStart::Started)
    }

    /// The job of that name that a host knows.
    fn known_job(&self, instance: &InstanceId, job: &JobName) -> Option<&Job> {
        let found = self.jobs.get(instance)?.get(job)?;
        let forgotten = found.exit.is_some() && self.forgets_jobs(&self.migrations[found.migrations].fleet);
        (!forgotten).then_some(found)
    }

    pub(crate) fn job(&self, instance: &InstanceId, job: &JobName, offset: u64) -> Answer<Option<JobProgress>> {
        self.reachable(instance)?;
        let job = self.known_job(instance, job);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(job.map(|job| JobProgress { output: job.output.get(from..).unwrap_or("").to_owned(), exit: job.exit }))
    }

    pub(crate) fn job_moves(&mut self, instance: &InstanceId, name: &JobName) {
        let Some(job) = self.jobs.get(instance).and_then(|jobs| jobs.get(name)) else { return };
        if job.exit.is_some() || job.due != self.now {
            return;
        }
        let (place, step) = (job.migrations, job.step);
        let migrations = &self.migrations[place];
        let fails = self.migration_fails_after(&migrations.fleet, &migrations.service, &migrations.database);
        let (line, exit) = if migrations.pending() == 0 {
            ("  No migrations to apply.\n".to_owned(), Some(0))
        } else if fails.is_some_and(|after| migrations.applied >= after) {
            (failure_of(migrations.applied, &self.deployment.release.codename), Some(1))
        } else {
            let line = format!("  Applying {}... OK\n", name_of(migrations.applied, &self.deployment.release.codename));
            self.migrations[place].applied += 1;
            self.services_changed = true;
            (line, (self.migrations[place].pending() == 0).then_some(0))
        };
        let due = later(self.now, step);
        if let Some(job) = self.jobs.get_mut(instance).and_then(|jobs| jobs.get_mut(name)) {
            job.output.push_str(&line);
            job.exit = exit;
            job.due = due;
        }
        if exit.is_none() {
            self.agenda.schedule(due, Event::JobMoves { instance: instance.clone(), job: name.clone() });
        }
    }

    /// The host of jobs goes down: those that run are killed with it.
    pub(crate) fn jobs_die(&mut self, instance: &InstanceId) {
        for job in self.jobs.entry(instance.clone()).or_default().values_mut() {
            job.exit.get_or_insert(137);
        }
    }

    fn migrations_of(&self, migrate: &Migrate) -> Answer<usize> {
        let same = |known: &Migrations| {
            known.fleet == migrate.fleet && known.service == migrate.service && known.database == migrate.database
        };
        self.migrations.iter().position(same).ok_or_else(|| {
            Failure::permanent(format!(
                "{} has no migrations of {} on {}; see [[migration]] in the deployment file",
                migrate.fleet, migrate.service, migrate.database
            ))
        })
    }
}

fn name_of(number: u32, codename: &str) -> String {
    let app = APPS[number as usize % APPS.len()];
    format!("{app}.{:04}_{codename}", 12 + number as usize / APPS.len())
}

fn failure_of(number: u32, codename: &str) -> String {
    format!(
        "  Applying {}...Traceback (most recent call last):\n\
         django.db.utils.OperationalError: (1060, \"Duplicate column name 'modified'\")\n",
        name_of(number, codename)
    )
}
