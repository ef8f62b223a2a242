//! Measures of a phase as it was run: how long it took, which steps determined that, how much is left, and what going
//! back would mean now. For steps that have not ended, their expected time is used.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::begun::may_have_applied;
use super::page::{downtime_began, page_was_posted};
use super::{Run, Upgrade};
use crate::names::{DatabaseName, StepId};
use crate::plan::{Action, Back, Lane, Line, PageMayLift, Phase, Plan, Schedule, Step, Undo, downtime_steps};
use crate::time::between;

/// The chain of steps that determined how long the downtime was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActualPath {
    /// The sum of the steps' times.
    pub length: Duration,
    /// The steps in their order, with the time that each took.
    pub steps: Vec<(StepId, Duration)>,
}

/// The time from the first change of DNS until the last site is served again; nothing until both have happened.
#[must_use]
pub fn window_length(run: &Run) -> Option<Duration> {
    let served: Vec<&Step> = run.plan.steps.iter().filter(|step| brings_back(step)).collect();
    let ended = served.iter().map(|step| done_at(run, step)).collect::<Option<Vec<Timestamp>>>()?;
    Some(between(downtime_began(run)?, ended.into_iter().max()?))
}

/// The latest moment at which the window may open. Nothing once something says that the maintenance page may be up, or
/// if the window may open at any time.
#[must_use]
pub fn opens_by(run: &Run) -> Option<Timestamp> {
    run.plan.opens_by().filter(|_| !page_was_posted(run))
}

/// The longest chain of the window's steps, measured by the time that they really took, from the opening to the last
/// site that is served again.
#[must_use]
pub fn critical_path(run: &Run) -> ActualPath {
    let steps = until_served(run);
    let schedule = Schedule::of_past(&steps, |step| taken(run, step));
    let path = schedule.critical.iter().map(|index| (steps[*index].id.clone(), taken(run, &steps[*index])));
    ActualPath { length: schedule.length, steps: path.collect() }
}

/// The time that the critical path spent on each line of the runbook, in the runbook's order.
#[must_use]
pub fn critical_lines(run: &Run) -> Vec<(Line, Duration)> {
    let mut lines: BTreeMap<Line, Duration> = BTreeMap::new();
    for (step, length) in on_critical_path(run) {
        *lines.entry(step.line).or_default() += length;
    }
    lines.into_iter().collect()
}

/// The time that the critical path spent on people's decisions and on migrations, which no order of steps can
/// shorten.
#[must_use]
pub fn gates_and_migrations(run: &Run) -> Duration {
    let path = on_critical_path(run).into_iter();
    path.filter(|(step, _)| matches!(step.action, Action::Decide(_) | Action::Migrate(_))).map(|(_, taken)| taken).sum()
}

/// How long the rest of the phase is expected to take at `now`; in the window, until the last site is served.
#[must_use]
pub fn remaining(run: &Run, now: Timestamp) -> Duration {
    let steps = if run.plan.phase == Phase::Window { until_served(run) } else { run.plan.steps.clone() };
    let left: Vec<Step> = steps.into_iter().filter(|step| !run.status(&step.id).is_done()).collect();
    Schedule::of(&left, |step| match run.run(&step.id) {
        open if open.status.is_open() => {
            step.expected.saturating_sub(open.started_at.map_or(Duration::ZERO, |at| between(at, now)))
        }
        _ => step.expected,
    })
    .length
}

/// What going back would mean now. Every step that may stand counts. A migration that found nothing to apply is no
/// obstacle.
#[must_use]
pub fn way_back(run: &Run, upgrade: &Upgrade) -> Back {
    // A new plan observes a migration again, and may give its step another name, but does not undo it.
    let was_begun = |action: &Action| match action {
        Action::Migrate(migrate) => upgrade.started_migrations.values().any(|started| started.is_of_the_same(migrate)),
        _ => false,
    };
    let started = run.runs().filter(|(step, run)| run.may_stand() || was_begun(&step.action));
    let started: Vec<Step> = started
        .map(|(step, _)| match &step.action {
            Action::Migrate(migrate) if !may_have_applied(run, upgrade, &step.id, migrate) => {
                Step { undo: Undo::Nothing, ..step.clone() }
            }
            _ => step.clone(),
        })
        .collect();
    Back::of(&started)
}

/// Whether the maintenance page may be lifted when `step` has failed. It may not once a migration that old code cannot
/// work with was started on the databases of the step's fleet, unless it is known to have applied nothing.
#[must_use]
pub fn page_may_lift(run: &Run, upgrade: &Upgrade, step: &Step) -> PageMayLift {
    let concerns = databases_of(&run.plan, step);
    let in_run = run.runs().filter_map(|(step, run)| match &step.action {
        Action::Migrate(migrate) if run.may_stand() => Some((&step.id, migrate)),
        _ => None,
    });
    let started = in_run.chain(&upgrade.started_migrations).find(|(id, migrate)| {
        !migrate.backward_compatible
            && concerns.as_ref().is_none_or(|databases| databases.contains(&migrate.instance))
            && may_have_applied(run, upgrade, id, migrate)
    });
    let changed_nothing = matches!(step.action, Action::Migrate(_)) && !run.run(&step.id).may_stand();
    match started {
        None if changed_nothing => PageMayLift::Yes,
        None => step.page_may_lift.clone(),
        Some((_, migrate)) => PageMayLift::No {
            because: format!(
                "{} may be migrated ({} {}), and old code must not serve or write on it",
                migrate.schema, migrate.service, migrate.database
            ),
        },
    }
}

/// The migrations that old code cannot work with: on the databases of the step's fleet or, if the step belongs to no
/// fleet, on all databases.
#[must_use]
pub fn migrations_beside<'a>(plan: &'a Plan, step: &Step) -> Vec<&'a Step> {
    let concerns = databases_of(plan, step);
    let migrations = plan.steps.iter().filter(|step| match &step.action {
        Action::Migrate(migrate) => {
            !migrate.backward_compatible
                && concerns.as_ref().is_none_or(|databases| databases.contains(&migrate.instance))
        }
        _ => false,
    });
    migrations.collect()
}

/// The databases that the step's fleet migrates; nothing when the step may concern all databases.
fn databases_of<'a>(plan: &'a Plan, step: &Step) -> Option<BTreeSet<&'a DatabaseName>> {
    let Lane::Fleet(fleet) = &step.lane else { return None };
    let databases: BTreeSet<&DatabaseName> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Migrate(migrate) if migrate.fleet == *fleet => Some(&migrate.instance),
            _ => None,
        })
        .collect();
    (!databases.is_empty()).then_some(databases)
}

fn on_critical_path(run: &Run) -> Vec<(&Step, Duration)> {
    let path = critical_path(run).steps.into_iter();
    path.filter_map(|(id, length)| Some((run.plan.step(&id)?, length))).collect()
}

/// The steps from the opening on that must end before visitors return, including the last checks.
fn until_served(run: &Run) -> Vec<Step> {
    let mut steps = downtime_steps(&run.plan);
    let mut needed: HashSet<StepId> =
        steps.iter().filter(|step| brings_back(step)).map(|step| step.id.clone()).collect();
    if needed.is_empty() {
        return steps;
    }
    for step in steps.iter().rev() {
        if needed.contains(&step.id) {
            needed.extend(step.waits_for.iter().map(|edge| edge.step.clone()));
        }
    }
    steps.retain(|step| needed.contains(&step.id));
    steps
}

/// Whether a step shows that a site is served again.
fn brings_back(step: &Step) -> bool {
    step.line == Line::LiftPage && matches!(step.action, Action::CheckSite(_))
}

fn taken(run: &Run, step: &Step) -> Duration {
    let step_run = run.run(&step.id);
    match (step_run.started_at, step_run.ended_at) {
        (Some(started), Some(ended)) => between(started, ended),
        _ => step.expected,
    }
}

fn done_at(run: &Run, step: &Step) -> Option<Timestamp> {
    let step_run = run.run(&step.id);
    step_run.ended_at.filter(|_| step_run.status.is_done())
}

#[cfg(test)]
mod tests;
