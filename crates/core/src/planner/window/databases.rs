//! Snapshots and migrations.

use std::time::Duration;

use super::ids::{confirm_id, snapshot_id};
use super::{Window, is_late};
use crate::deployment::{Database, Fleet, Migration, Role};
use crate::journal::migration_was_begun;
use crate::names::{DatabaseName, SchemaName, SnapshotId, StepId};
use crate::observation::PendingNames;
use crate::plan::{Action, Host, Line, Migrate, Phase, Rule, Sequence, Step};
use crate::planner::build::{CALL, CALL_LIMIT, Joined, joined, step};
use crate::time::Span;

impl<'a> Window<'a> {
    /// Snapshots, which wait until the writers of every fleet on their database instance have stopped.
    pub(super) fn snapshot(&self, database: &Database) -> Step {
        let expected = &self.deployment.expected;
        let warm = database.warm_up_snapshot && (!is_late(self.inputs) || self.has_warm_up(database));
        let length = if warm { expected.incremental_snapshot } else { expected.snapshot };
        let fleets = self.deployment.fleets_on(&database.name);
        let stops: Vec<StepId> = fleets.flat_map(|fleet| self.stopped(fleet)).collect();
        self.take_snapshot(database, "window", Line::Snapshot, length.duration())
            .after_all(&stops, Rule::WritersStopped)
    }

    fn has_warm_up(&self, database: &Database) -> bool {
        let window = self.inputs.upgrade.run_of(Phase::Window);
        window.is_some_and(|run| run.status(&snapshot_id("warm-up", &database.name)).is_done())
    }

    pub(super) fn take_snapshot(&self, database: &Database, which: &str, line: Line, expected: Duration) -> Step {
        let action =
            Action::TakeSnapshot { database: database.name.clone(), snapshot: self.snapshot_name(database, which) };
        let title = format!("snapshot {} ({which})", database.name);
        step(snapshot_id(which, &database.name), line, title, action).takes(expected, CALL_LIMIT + 6 * expected)
    }

    /// The name contains the window's date, so that a snapshot of a postponed window is not used for the next one. Instead
    /// of a snapshot that lacks what was written later, one with another name is taken, unless a migration may have changed
    /// the database since: then only the last one before it is of use.
    pub(super) fn snapshot_name(&self, database: &Database, which: &str) -> SnapshotId {
        let (upgrade, start) = (self.deployment.upgrade(), self.deployment.window.start.timestamp);
        let start = start.strftime("%Y%m%dt%H%M");
        let name = format!("cutover-{upgrade}-{start}-{which}-{}", database.name).replace('_', "-");
        let numbered = (2..).map(|number: u32| SnapshotId::from(format!("{name}-{number}")));
        let mut names = std::iter::once(SnapshotId::from(name.as_str())).chain(numbered).peekable();
        let known = self.inputs.upgrade;
        let is_replaced =
            |name: &SnapshotId| known.outdated_snapshots.contains(name) && !migration_was_begun(known, &database.name);
        loop {
            let next_was_begun =
                |next: Option<&SnapshotId>| next.is_some_and(|next| known.begun_snapshots.contains_key(next));
            match names.next() {
                Some(this) if !is_replaced(&this) && !next_was_begun(names.peek()) => return this,
                Some(_) => {}
                None => return name.into(),
            }
        }
    }

    pub(super) fn migrate(&self, fleet: &Fleet) -> Vec<Step> {
        let way_back = self.way_back(fleet);
        let mut steps: Vec<Step> = Vec::new();
        for (name, migration, migrate) in self.migrations(fleet) {
            let title = format!("migrate {} {} on {}", migration.service, migration.database, migrate.schema);
            let step = step(format!("window.migrate.{name}"), Line::Migrate, title, Action::Migrate(migrate))
                .of_fleet(&fleet.name)
                .takes(self.migration_time(fleet, migration), migration.limit.duration())
                .page_stays(self.page_stays[&fleet.name]);
            let step = match steps.last() {
                Some(before) => step.after(&before.id, Rule::OneMigrator),
                None => self.after_confirms(fleet, step),
            };
            steps.push(if migration.backward_compatible { step } else { step.never_undone(way_back.clone()) });
        }
        steps
    }

    /// The step waits for the last looks at its own fleet and at all others that write to the same databases, and for the sessions
    /// on these.
    fn after_confirms(&self, fleet: &Fleet, step: Step) -> Step {
        let others = self.deployment.databases_of(fleet).flat_map(|database| self.confirmed(database).ids);
        let own = step.after(&confirm_id(fleet), Rule::WritersStopped);
        let confirmed = others.fold(own, |step, confirmed| step.after(&confirmed, Rule::WritersStopped));
        let ended = confirmed.after_all(&self.sessions_ended(fleet), Rule::SessionsEnded);
        ended
            .after_all(&self.storage_seen(fleet), Rule::StorageFree)
            .after_all(&self.rows_counted(fleet), Rule::RowsCounted)
    }

    /// The last looks at all fleets that write to a database, for the migrations of each of them: a snapshot that one fleet
    /// makes worthless could not be taken again once another one migrates.
    pub(super) fn confirmed(&self, database: &Database) -> Joined {
        let confirms: Vec<StepId> = self.deployment.fleets_on(&database.name).map(confirm_id).collect();
        let (followers, id) = (confirms.len(), format!("window.confirmed.{}", database.name));
        let title = format!("nothing writes to {} any more", database.name);
        joined(confirms, followers, Rule::WritersStopped, id, Line::Migrate, title)
    }

    /// The schema that a fleet's migration migrates, and its database instance; `None` if the fleet has no such schema.
    fn migrated_schema(&self, fleet: &Fleet, migration: &Migration) -> Option<(SchemaName, DatabaseName)> {
        let schema = fleet.schemas.get(&migration.database)?;
        Some((schema.clone(), self.deployment.database_of(schema)?.name.clone()))
    }

    /// The migrations of a fleet in the file's order, each with the name that its steps have.
    pub(super) fn migrations<'f>(&'f self, fleet: &'f Fleet) -> Vec<(String, &'f Migration, Migrate)> {
        let Some(host) = self.next.of(&fleet.name, Role::Edxapp).first() else { return Vec::new() };
        let all = (1..).zip(self.deployment.migrations_of(fleet));
        let migration = |(index, migration)| {
            let migrate = self.migration(fleet, migration, host, index)?;
            Some((migration_name(fleet, migration, index), migration, migrate))
        };
        all.filter_map(migration).collect()
    }

    fn migration(&self, fleet: &Fleet, migration: &Migration, host: &Host, index: usize) -> Option<Migrate> {
        let (schema, instance) = self.migrated_schema(fleet, migration)?;
        let upgrade = self.deployment.upgrade();
        Some(Migrate {
            job: format!("cutover-{upgrade}-{}-{index}-{}-{}", fleet.name, migration.service, migration.database)
                .into(),
            host: host.clone(),
            fleet: fleet.name.clone(),
            service: migration.service.clone(),
            database: migration.database.clone(),
            schema,
            instance,
            command: migration.locked_command(),
            sequence: Sequence::of(migration),
            is_locked: !migration.lock_command.is_empty(),
            list_command: migration.list_command.clone(),
            sql_command: migration.sql_command.clone(),
            schema_command: migration.schema_command.clone(),
            directory: migration.directory.clone(),
            user: migration.user.clone(),
            warn_after: migration.warn_after.map(Span::duration),
            past_limit: migration.past_limit,
            backward_compatible: migration.backward_compatible,
        })
    }

    /// The time in the file, unless it was observed that nothing is pending, and its job does nothing else.
    fn migration_time(&self, fleet: &Fleet, migration: &Migration) -> Duration {
        let nothing = self.pending(fleet, migration).is_some_and(PendingNames::are_none);
        let is_alone = migration.before.is_empty() && migration.after.is_empty();
        if nothing && is_alone { CALL } else { migration.expected.duration() }
    }

    /// Which of its migrations were observed to be pending, if that was looked at.
    pub(super) fn pending(&self, fleet: &Fleet, migration: &Migration) -> Option<&'a PendingNames> {
        let pending = self.inputs.observation.pending.iter().find(|pending| {
            pending.fleet == fleet.name
                && pending.service == migration.service
                && pending.database == migration.database
        });
        pending.map(|pending| &pending.names)
    }

    fn way_back(&self, fleet: &Fleet) -> String {
        let snapshots: Vec<_> = self
            .deployment
            .databases_of(fleet)
            .filter(|database| database.snapshot)
            .map(|database| {
                let others: Vec<&str> = self
                    .deployment
                    .fleets_on(&database.name)
                    .filter(|other| other.name != fleet.name)
                    .map(|other| other.name.as_str())
                    .collect();
                let snapshot = self.snapshot_name(database, "window");
                match others.is_empty() {
                    true => format!("restore the snapshot {snapshot}"),
                    false => format!("restore the snapshot {snapshot}, which rewinds {} too", others.join(", ")),
                }
            })
            .collect();
        let choices = if snapshots.is_empty() { "there is no snapshot".to_owned() } else { snapshots.join("; ") };
        format!("migrations change the schema for good; to go back, {choices}, or reverse the migrations by hand")
    }

    /// The last migration of a fleet, or the step that replaces it if the fleet has none.
    pub(super) fn migrated_id(&self, fleet: &Fleet) -> StepId {
        let has_hosts = !self.next.of(&fleet.name, Role::Edxapp).is_empty();
        let migrations = (1..).zip(self.deployment.migrations_of(fleet)).filter(|_| has_hosts);
        let last = migrations.filter(|(_, migration)| self.migrated_schema(fleet, migration).is_some()).last();
        last.map_or_else(
            || confirm_id(fleet),
            |(index, migration)| format!("window.migrate.{}", migration_name(fleet, migration, index)).into(),
        )
    }
}

/// What the steps of a fleet's migration have in their ids: it is the one at that position in the file, counted from 1.
fn migration_name(fleet: &Fleet, migration: &Migration, index: usize) -> String {
    format!("{}.{index}-{}-{}", fleet.name, migration.service, migration.database)
}
