//! Migrations, pending and applied, and the jobs that apply them one by one.

use std::time::Duration;

use cutover_core::names::{InstanceId, JobName};
use cutover_core::plan::Migrate;
use cutover_core::time::later;
use cutover_engine::failure::Failure;
use cutover_engine::ports::{Answer, JobProgress, JobStart};

use super::events::Event;
use super::parts::{Job, Migrations, failure_of, success_of};
use super::state::WorldState;

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
        let index = self.migrations_of(migrate)?;
        self.watch_migration(migrate, self.migrations[index].pending());
        let migrations = &self.migrations[index];
        let words = ["migrate", migrations.fleet.as_str(), &migrations.service, &migrations.database];
        let step = match migrations.total {
            0 => Duration::from_secs(5),
            total => self.varied(&words, migrations.expected) / total,
        };
        let step = Duration::from_millis(super::chance::milliseconds(step).max(1));
        let due = later(self.now, step.max(Duration::from_secs(if migrations.pending() == 0 { 5 } else { 0 })));
        let output = "Operations to perform:\n  Apply all migrations\nRunning migrations:\n".to_owned();
        let job = Job { migrations: index, schema: migrate.schema.clone(), output, exit: None, step, due };
        self.jobs.entry(instance.clone()).or_default().insert(migrate.job.clone(), job);
        self.agenda.schedule(due, Event::JobMoves { instance: instance.clone(), job: migrate.job.clone() });
        Ok(JobStart::Started)
    }

    /// The job with that name on a host.
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
        let (index, step) = (job.migrations, job.step);
        let migrations = &self.migrations[index];
        let fails = self.migration_fails_after(&migrations.fleet, &migrations.service, &migrations.database);
        let (line, exit) = if migrations.pending() == 0 {
            ("  No migrations to apply.\n".to_owned(), Some(0))
        } else if fails.is_some_and(|after| migrations.applied >= after) {
            (failure_of(migrations.applied, &self.deployment.release.codename), Some(1))
        } else {
            let line = success_of(migrations.applied, &self.deployment.release.codename);
            let migrations = &mut self.migrations[index];
            migrations.applied += 1;
            let is_last = migrations.pending() == 0;
            self.schemas_changed |= migrations.applied == 1 || is_last;
            (line, is_last.then_some(0))
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

    /// A host goes down: the jobs that run on it are killed.
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
