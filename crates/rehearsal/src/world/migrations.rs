//! Migrations, pending and applied, and the jobs that apply them one by one.

use std::time::Duration;

use cutover_core::deployment::Migration;
use cutover_core::names::{InstanceId, JobName, SchemaName};
use cutover_core::time::later;

use super::events::Event;
use super::parts::{Ending, FAILURE, Migrations, Work, begin_of};
use super::state::WorldState;

impl WorldState {
    /// The migrations that a command of the file concerns on a host, by their index, with their schema. `is_it` chooses the
    /// command.
    pub(crate) fn migrations_by(
        &self,
        instance: &InstanceId,
        is_it: impl Fn(&Migration) -> bool,
    ) -> Option<(usize, SchemaName)> {
        let fleet = self.deployment.fleet(&self.hosts.get(instance)?.fleet)?;
        let found = self.deployment.migrations_of(fleet).find(|migration| is_it(migration))?;
        let same = |known: &Migrations| {
            known.fleet == fleet.name && known.service == found.service && known.database == found.database
        };
        let index = self.migrations.iter().position(same)?;
        Some((index, fleet.schemas.get(&found.database)?.clone()))
    }

    /// Begins to apply migrations as a job. Returns its work and what it prints at first.
    pub(crate) fn begin_migration(
        &mut self,
        instance: &InstanceId,
        name: &JobName,
        migrations: usize,
        schema: SchemaName,
    ) -> (Work, String) {
        let known = &self.migrations[migrations];
        let pending = known.pending();
        let words = ["migrate", known.fleet.as_str(), &known.service, &known.database];
        let step = match known.total {
            0 => Duration::from_secs(5),
            total => self.varied(&words, known.expected) / total,
        };
        let step = Duration::from_millis(super::chance::milliseconds(step).max(1));
        let due = later(self.now, step.max(Duration::from_secs(if pending == 0 { 5 } else { 0 })));
        self.watch_migration(name, &schema, pending);
        self.agenda.schedule(due, Event::JobMoves { instance: instance.clone(), job: name.clone() });
        let mut output = "Operations to perform:\n  Apply all migrations\nRunning migrations:\n".to_owned();
        if pending > 0 {
            output += &begin_of(self.migrations[migrations].applied, &self.deployment.release.codename);
        }
        (Work::Migration { migrations, schema, step, due }, output)
    }

    /// Whether the file wants the migration of that line to be recorded without being run.
    fn is_faked(&self, migrations: &Migrations, line: &str) -> bool {
        let is_its = |one: &&Migration| one.service == migrations.service && one.database == migrations.database;
        let mut fakes = self.deployment.migrations.iter().filter(is_its).flat_map(|migration| &migration.fake);
        fakes.any(|fake| line.contains(&format!(" {}...", fake.name)))
    }

    /// A job that migrates has done its next migration, or fails.
    pub(crate) fn job_moves(&mut self, instance: &InstanceId, name: &JobName) {
        let Some(job) = self.jobs.get(instance).and_then(|jobs| jobs.get(name)) else { return };
        let Work::Migration { migrations: index, step, due, .. } = job.work else { return };
        if job.ending.is_some() || due != self.now {
            return;
        }
        let migrations = &self.migrations[index];
        let fails = self.migration_fails_after(&migrations.fleet, &migrations.service, &migrations.database);
        let (line, exit) = if migrations.pending() == 0 {
            ("  No migrations to apply.\n".to_owned(), Some(0))
        } else if fails.is_some_and(|after| migrations.applied >= after) {
            (FAILURE.to_owned(), Some(1))
        } else {
            let is_faked = self.is_faked(migrations, &begin_of(migrations.applied, &self.deployment.release.codename));
            let migrations = &mut self.migrations[index];
            migrations.applied += 1;
            let (applied, is_last) = (migrations.applied, migrations.pending() == 0);
            self.schemas_changed |= applied == 1 || is_last;
            let mut line = if is_faked { " FAKED\n" } else { " OK\n" }.to_owned();
            if !is_last {
                line += &begin_of(applied, &self.deployment.release.codename);
            }
            (line, is_last.then_some(0))
        };
        let next = later(self.now, step);
        if let Some(job) = self.jobs.get_mut(instance).and_then(|jobs| jobs.get_mut(name)) {
            job.output.push_str(&line);
            job.ending = exit.map(Ending::Exit);
            if let Work::Migration { due, .. } = &mut job.work {
                *due = next;
            }
        }
        if exit.is_none() {
            self.agenda.schedule(next, Event::JobMoves { instance: instance.clone(), job: name.clone() });
        }
    }
}
