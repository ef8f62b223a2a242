//! Why a phase cannot be planned, according to the journal.

use super::Inputs;
use super::announce::{is_down, was_told_otherwise};
use super::begun::{counts_left, migrations_left, snapshots_left};
use super::blocked::Blocked;
use super::hosts::{living, next_names};
use crate::deployment::{Deployment, Fleet, Migration};
use crate::journal::{Run, RunKind, StepRun, Upgrade, started_hosts};
use crate::plan::{Action, Lane, Migrate, Phase, Plan, Step};

/// The reasons in the journal why `phase` cannot start.
pub(super) fn by_journal(inputs: Inputs<'_>, phase: Phase) -> Vec<Blocked> {
    let upgrade = inputs.upgrade;
    if upgrade.finished(phase) {
        return vec![Blocked::Finished { phase }];
    }
    let is_down = is_down(inputs);
    let needed: &[Phase] = match phase {
        Phase::Announce => &[],
        Phase::Prepare => &[Phase::Announce],
        // Once visitors may see the page, the window has to go on, whatever they were told.
        Phase::Window if is_down => &[Phase::Prepare],
        // Another window may have been announced after the hosts were prepared, and not to the end.
        Phase::Window => &[Phase::Announce, Phase::Prepare],
        Phase::Retire => &[Phase::Window],
    };
    let missing = needed.iter().filter(|before| !upgrade.finished(**before));
    let not_yet: Vec<Blocked> = missing.map(|before| Blocked::NotYet { phase, before: *before }).collect();
    if !not_yet.is_empty() {
        return not_yet;
    }
    if phase == Phase::Window {
        let too_late = taken_back(inputs);
        if !too_late.is_empty() {
            return too_late;
        }
    }
    let reason = match phase {
        Phase::Announce if is_down => Some(Blocked::TooLateToAnnounce),
        // What was prepared may be completed for a window that opens late: hosts may have been lost.
        Phase::Prepare if upgrade.run_of(phase).is_some() => None,
        Phase::Announce | Phase::Prepare => has_started(inputs),
        Phase::Window if is_down => was_moved(inputs),
        Phase::Window if was_told_otherwise(upgrade, inputs.deployment) => Some(Blocked::AnnouncedOtherwise),
        Phase::Window | Phase::Retire => None,
    };
    Vec::from_iter(reason)
}

/// The reasons why a window cannot be planned after what it has begun: a migration, a snapshot or the count of tasks is missing
/// from the file, or a migration was added too late.
fn taken_back(inputs: Inputs<'_>) -> Vec<Blocked> {
    let migrations = migrations_left(inputs.upgrade, inputs.deployment).into_iter();
    let migrations = migrations.map(|migration| Blocked::MigrationLeft { migration });
    let snapshots = snapshots_left(inputs.upgrade, inputs.deployment).into_iter();
    let snapshots = snapshots.map(|(database, snapshot)| Blocked::SnapshotLeft { database, snapshot });
    let living = living(inputs);
    let counts = counts_left(inputs.upgrade, inputs.deployment, |worker| living.contains(worker)).into_iter();
    let counts = counts.filter(|_| is_down(inputs));
    let counts = counts.map(|fleet| Blocked::TasksNotCounted { fleet: fleet.clone() });
    let added = added_migrations(inputs.upgrade, inputs.deployment);
    migrations.chain(snapshots).chain(counts).chain(added).collect()
}

/// The fleets whose visitors are being sent back to the sites, and whom `plan` would send to the maintenance page again.
#[must_use]
pub fn posts_again(upgrade: &Upgrade, plan: &Plan) -> Vec<Blocked> {
    let before = upgrade.run_of(Phase::Window).filter(|_| plan.phase == Phase::Window);
    let lanes = before.map(|run| run.posted_again(plan)).unwrap_or_default();
    let fleets = lanes.into_iter().filter_map(|lane| match lane {
        Lane::Fleet(fleet) => Some(fleet.clone()),
        Lane::Deployment => None,
    });
    fleets.map(|fleet| Blocked::PageAgain { fleet }).collect()
}

/// The migrations in the file that no window has done, of fleets whose next services a window has started.
#[must_use]
pub fn added_migrations(upgrade: &Upgrade, deployment: &Deployment) -> Vec<Blocked> {
    let started = started_hosts(upgrade);
    if started.is_empty() {
        return Vec::new();
    }
    let windows = upgrade.runs.iter().filter(|run| run.kind == RunKind::Window);
    let done: Vec<&Migrate> =
        windows.flat_map(Run::runs).filter(|(_, run)| run.status.is_done()).filter_map(migrated).collect();
    let has_started = |fleet: &&Fleet| {
        fleet.groups().any(|(_, group)| next_names(deployment, fleet, group).any(|host| started.contains(&host)))
    };
    let fleets = deployment.fleets.iter().filter(has_started);
    let wanted = fleets.flat_map(|fleet| deployment.migrations_of(fleet).map(move |migration| (fleet, migration)));
    let is_done = |fleet: &Fleet, migration: &Migration| {
        done.iter().any(|done| {
            done.fleet == fleet.name && done.service == migration.service && done.database == migration.database
        })
    };
    // A database that the fleet has no schema for is not migrated.
    let wanted = wanted.filter(|(fleet, migration)| fleet.schemas.contains_key(&migration.database));
    wanted
        .filter(|(fleet, migration)| !is_done(fleet, migration))
        .map(|(fleet, migration)| Blocked::MigrationAfterStart {
            fleet: fleet.name.clone(),
            service: migration.service.clone(),
            database: migration.database.to_string(),
        })
        .collect()
}

fn migrated<'a>((step, _): (&'a Step, &'a StepRun)) -> Option<&'a Migrate> {
    match &step.action {
        Action::Migrate(migrate) => Some(migrate),
        _ => None,
    }
}

fn has_started(inputs: Inputs<'_>) -> Option<Blocked> {
    let start = &inputs.deployment.window.start;
    (inputs.observation.at >= start.timestamp).then(|| Blocked::WindowStarted { start: start.show(start.timestamp) })
}

/// Whether the window that has begun has another start than the file's.
fn was_moved(inputs: Inputs<'_>) -> Option<Blocked> {
    let run = inputs.upgrade.run_of(Phase::Window)?;
    let (before, start) = (run.plan.window_start()?, &inputs.deployment.window.start);
    (before != start.timestamp).then(|| Blocked::MovedWhileDown { start: start.show(before) })
}
