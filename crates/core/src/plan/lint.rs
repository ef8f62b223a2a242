//! The linter of plans. It does not know how plans are made, and checks each plan against what must never happen. It
//! finds a mistake of the planner before anything is changed.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::{Action, ChangeRecords, CountRows, Host, Lane, Line, Migrate, Phase, Plan, Step, Undo, Via};
use crate::deployment::{BalancerKind, Database, Deployment};
use crate::name_map::NameMap;
use crate::names::{DatabaseName, DnsName, FleetName, StepId};
use crate::rows::CountedWhen;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The plan can be run, but the operator should know this.
    Warning,
    /// The plan is refused.
    Error,
}

/// Something wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The step that it is about.
    pub step: StepId,
    /// What is wrong, and what would happen because of it.
    pub message: String,
}

/// Everything that is wrong with `plan`, errors first.
#[must_use]
pub fn lint(plan: &Plan, deployment: &Deployment) -> Vec<Finding> {
    let mut findings = structure(plan);
    if findings.is_empty() {
        let view = View::new(plan);
        for (position, step) in plan.steps.iter().enumerate() {
            findings.extend(safety(&view, deployment, position, step));
            findings.extend(approval(&view, position, step));
        }
        findings.extend(one_migrator(&view));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Every step must occur once, and every edge must lead to an earlier step, so that there is no cycle and no step waits
/// forever.
fn structure(plan: &Plan) -> Vec<Finding> {
    let mut seen: NameMap<&StepId, usize> = NameMap::default();
    let mut findings = Vec::new();
    for (position, step) in plan.steps.iter().enumerate() {
        for edge in step.waits_for.iter().filter(|edge| !seen.contains_key(&edge.step)) {
            let message = format!("waits for {}, which is not before it in the plan", edge.step);
            findings.push(error(step, message));
        }
        if seen.insert(&step.id, position).is_some() {
            findings.push(error(step, "is in the plan twice"));
        }
    }
    findings
}

fn safety(view: &View<'_>, deployment: &Deployment, position: usize, step: &Step) -> Vec<Finding> {
    match &step.action {
        Action::Migrate(migrate) => migration(view, deployment, position, step, migrate),
        Action::StartServices(_) if step.line == Line::StartNext => started_early(view, position, step),
        Action::Register(members) if members.kind == BalancerKind::TargetGroup && step.line == Line::AddNext => {
            let started = view.before(position).filter_map(|step| match &step.action {
                Action::StartServices(start) => Some(&start.host),
                _ => None,
            });
            let serving: HashSet<&Host> = started.collect();
            let early = members.hosts.iter().find(|host| !serving.contains(host));
            early
                .map(|host| error(step, format!("registers {} in a target group before it serves", host.name)))
                .into_iter()
                .collect()
        }
        Action::TakeSnapshot { database, .. } if step.line == Line::Snapshot => {
            let fleets = deployment.fleets_on(database).map(|fleet| &fleet.name);
            let unseen = fleets.filter(|fleet| !view.has_passed(position, Landmark::WritersStopped(fleet)));
            let message =
                |fleet| format!("snapshots {database} without looking whether old code of {fleet} still runs");
            unseen.map(|fleet| error(step, message(fleet))).collect()
        }
        Action::Deregister(_) if view.plan.phase == Phase::Window => {
            let finding = error(step, "takes hosts out of a balancer while visitors are still sent to it");
            if view.has_passed(position, Landmark::Diverted) { Vec::new() } else { vec![finding] }
        }
        Action::ChangeRecords(change) if step.line == Line::LiftPage => {
            lifted_early(view, deployment, position, step, change)
        }
        Action::CountRows(count) if count.when == CountedWhen::After => counted_early(view, position, step, count),
        Action::Soak(_) => soaked_early(view, position, step),
        _ if step.looks_before_lift() => looked_early(view, position, step),
        _ => Vec::new(),
    }
}

fn migration(
    view: &View<'_>,
    deployment: &Deployment,
    position: usize,
    step: &Step,
    migrate: &Migrate,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !view.has_passed(position, Landmark::Snapshot(&migrate.instance)) {
        let wanted = deployment.databases.iter().any(|d| d.name == migrate.instance && d.snapshot);
        let message = format!("migrates {} without a snapshot of {} to go back to", migrate.schema, migrate.instance);
        findings.push(if wanted { error(step, message) } else { warning(step, message) });
    }
    // All that write to the instance: a snapshot that one of them makes worthless could not be taken again.
    let writers = deployment.fleets_on(&migrate.instance).map(|fleet| &fleet.name).chain([&migrate.fleet]);
    let writers: BTreeSet<&FleetName> = writers.collect();
    let unseen = writers.into_iter().filter(|fleet| !view.has_passed(position, Landmark::Confirmed(fleet)));
    let message = |fleet| format!("migrates without looking again whether old code of {fleet} still runs");
    findings.extend(unseen.map(|fleet| error(step, message(fleet))));
    if waits_for_sessions(deployment, &migrate.instance)
        && !view.has_passed(position, Landmark::SessionsEnded(&migrate.instance))
    {
        let message = format!("migrates {} without waiting for the sessions on {}", migrate.schema, migrate.instance);
        findings.push(error(step, message));
    }
    let measured = |database: &Database| database.name == migrate.instance && database.min_free.is_some();
    if deployment.databases.iter().any(measured) && !view.has_passed(position, Landmark::StorageSeen(&migrate.instance))
    {
        let message =
            format!("migrates {} without looking at the free storage of {}", migrate.schema, migrate.instance);
        findings.push(error(step, message));
    }
    let counted = |database: &Database| database.name == migrate.instance && !database.tables.is_empty();
    if deployment.databases.iter().any(counted) && !view.has_passed(position, Landmark::RowsCounted(&migrate.instance))
    {
        let message = format!("migrates {} without counting the rows on {}", migrate.schema, migrate.instance);
        findings.push(error(step, message));
    }
    if !tasks_are_settled(view, position, &migrate.fleet) {
        findings.push(error(step, "migrates before it is decided what becomes of the tasks that old code has queued"));
    }
    findings
}

/// Whether the file can tell which sessions remain on a database instance.
fn waits_for_sessions(deployment: &Deployment, instance: &DatabaseName) -> bool {
    deployment.databases.iter().any(|database| database.name == *instance && !database.sessions_command.is_empty())
}

/// Whether the tasks in the queues of a fleet have been counted before this step each time that the plan counts them.
fn tasks_are_settled(view: &View<'_>, position: usize, fleet: &FleetName) -> bool {
    let counts = |step: &&Step| matches!(&step.action, Action::DrainQueues { fleet: of, .. } if of == fleet);
    match view.plan.steps.iter().filter(counts).count() {
        0 => true,
        all => view.before(position).filter(counts).count() == all,
    }
}

/// A next host starts after every migration of its fleet.
fn started_early(view: &View<'_>, position: usize, step: &Step) -> Vec<Finding> {
    let migrations = view.migrations.iter().filter(|other| view.plan.steps[**other].lane == step.lane);
    let unfinished = migrations.filter(|other| !view.has_passed(position, Landmark::Migration(**other)));
    unfinished
        .map(|other| error(step, format!("starts new code before {} has ended", view.plan.steps[*other].id)))
        .collect()
}

/// Visitors come back only to sites that are verified, once everything of the fleet runs.
fn lifted_early(
    view: &View<'_>,
    deployment: &Deployment,
    position: usize,
    step: &Step,
    change: &ChangeRecords,
) -> Vec<Finding> {
    let before: Vec<&Step> = view.before(position).collect();
    let checked = before.iter().filter_map(|step| match &step.action {
        Action::CheckSite(check) if check.via != Via::PublicDns => Some(&check.host),
        _ => None,
    });
    let verified: HashSet<&DnsName> = checked.collect();
    let unverified = change.records.iter().filter(|record| !verified.contains(&record.name));
    let unverified =
        unverified.map(|record| error(step, format!("sends visitors to {} before it is verified", record.name)));
    let ended: HashSet<&StepId> = before.iter().map(|step| &step.id).collect();
    let must_end =
        |other: &&Step| other.lane == step.lane && (other.looks_before_lift() || other.line == Line::StartNext);
    let missing = view.plan.steps.iter().filter(must_end);
    let missing = missing.filter(|other| !ended.contains(&other.id));
    let missing = missing.map(|other| error(step, format!("sends visitors back before {} has ended", other.id)));
    unverified.chain(missing).chain(unlooked(view, &before, step)).chain(unwritten(&before, deployment, step)).collect()
}

/// Whether everything still runs is looked at once more, on each host that was started.
fn unlooked(view: &View<'_>, before: &[&Step], step: &Step) -> Vec<Finding> {
    let looks = before.iter().filter_map(|step| match &step.action {
        Action::ConfirmRunning { hosts } => Some(hosts.iter().map(|start| &start.host)),
        _ => None,
    });
    let looked_at: HashSet<&Host> = looks.flatten().collect();
    let started = view.plan.steps.iter().filter_map(|other| match &other.action {
        Action::StartServices(start) if other.lane == step.lane => Some(&start.host),
        _ => None,
    });
    let left = started.filter(|host| !looked_at.contains(host));
    left.map(|host| error(step, format!("sends visitors back without looking whether {} still runs", host.name)))
        .collect()
}

/// Every write check of a fleet comes before its visitors do.
fn unwritten(before: &[&Step], deployment: &Deployment, step: &Step) -> Vec<Finding> {
    let Lane::Fleet(fleet) = &step.lane else { return Vec::new() };
    let is_made = |name: &str| {
        let is_it = |action: &Action| matches!(action, Action::WriteCheck(of) if of.fleet == *fleet && of.name == name);
        before.iter().any(|step| is_it(&step.action))
    };
    let left = deployment.write_checks.iter().filter(|check| check.is_of(fleet) && !is_made(&check.name));
    left.map(|check| error(step, format!("sends visitors back before the write check `{}`", check.name))).collect()
}

/// The looks at programs right before visitors come back are made once everything else is done that they wait for.
fn looked_early(view: &View<'_>, position: usize, step: &Step) -> Vec<Finding> {
    let before: HashSet<&StepId> = view.before(position).map(|step| &step.id).collect();
    let is_before = |other: &&Step| match &other.action {
        Action::WriteCheck(_) => other.lane == step.lane,
        Action::CheckSite(check) => other.lane == step.lane && check.via != Via::PublicDns,
        Action::Decide(_) => other.line == Line::Verify,
        _ => false,
    };
    let left = view.plan.steps.iter().filter(is_before).filter(|other| !before.contains(&other.id));
    left.map(|other| error(step, format!("makes the last look at programs before {} has ended", other.id))).collect()
}

/// Rows are counted again only once all migrations of their database have ended.
fn counted_early(view: &View<'_>, position: usize, step: &Step, count: &CountRows) -> Vec<Finding> {
    let of_database = |other: &&usize| match &view.plan.steps[**other].action {
        Action::Migrate(migrate) => migrate.instance == count.database,
        _ => false,
    };
    let migrations = view.migrations.iter().filter(of_database);
    let left = migrations.filter(|other| !view.has_passed(position, Landmark::Migration(**other)));
    left.map(|other| error(step, format!("counts rows before {} has ended", view.plan.steps[*other].id))).collect()
}

/// The new site is watched only once visitors are back on it.
fn soaked_early(view: &View<'_>, position: usize, step: &Step) -> Vec<Finding> {
    let lifts = |other: &&Step| other.lane == step.lane && other.lifts_page();
    let before: HashSet<&StepId> = view.before(position).map(|step| &step.id).collect();
    let left = view.plan.steps.iter().filter(lifts).filter(|other| !before.contains(&other.id));
    left.map(|other| error(step, format!("watches the new site before {} has sent visitors back", other.id))).collect()
}

/// A step that cannot be undone must come after a decision.
fn approval(view: &View<'_>, position: usize, step: &Step) -> Option<Finding> {
    let Undo::Impossible { .. } = &step.undo else { return None };
    let approved = view.has_passed(position, Landmark::Decided);
    let message = "nothing undoes it, and no gate lets anybody decide on it first";
    (!approved).then(|| warning(step, message))
}

/// Migrations of a schema, and of a fleet, are one after the other.
fn one_migrator(view: &View<'_>) -> Vec<Finding> {
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    for position in &view.migrations {
        let step = &view.plan.steps[*position];
        let Action::Migrate(migrate) = &step.action else { continue };
        for key in [format!("schema {}", migrate.schema), format!("fleet {}", migrate.fleet)] {
            if let Some(before) = last.insert(key.clone(), *position)
                && !view.has_passed(*position, Landmark::Migration(before))
            {
                let message = format!("may run beside {} on {key}", view.plan.steps[before].id);
                findings.push(error(step, message));
            }
        }
    }
    findings
}

/// A plan with an index of what has ended when a step starts.
///
/// Storing all of that for every step would need memory that grows with the square of the plan. Most rules only need a
/// few kinds of steps, such as "a decision" or "this migration"; those are stored for every step. The few rules that
/// need a certain host or site walk back from the step instead.
struct View<'a> {
    plan: &'a Plan,
    /// For each step the positions of those that it waits for.
    waits_for: Vec<Vec<usize>>,
    /// The numbers of the landmarks, from 0.
    landmarks: BTreeMap<Landmark<'a>, usize>,
    /// For each step, the landmarks that have ended when it starts, as bits by number.
    passed: Vec<Vec<u64>>,
    migrations: Vec<usize>,
}

/// A kind of step that must have ended according to a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Landmark<'a> {
    /// Visitors are diverted.
    Diverted,
    /// A person has decided.
    Decided,
    /// It was checked again whether old code of this fleet runs, right before the migrations.
    Confirmed(&'a FleetName),
    /// It was checked whether all writers of this fleet have stopped, before the snapshots.
    WritersStopped(&'a FleetName),
    /// A database instance has a snapshot to go back to.
    Snapshot(&'a DatabaseName),
    /// No session on a database instance may hold up a migration.
    SessionsEnded(&'a DatabaseName),
    /// A database instance has room for what migrations write.
    StorageSeen(&'a DatabaseName),
    /// The rows on a database instance were counted before its migrations.
    RowsCounted(&'a DatabaseName),
    /// The migration at this position.
    Migration(usize),
}

impl<'a> Landmark<'a> {
    fn of(position: usize, step: &'a Step) -> Option<Self> {
        match &step.action {
            Action::AwaitResolvers(_) => Some(Self::Diverted),
            Action::Decide(_) => Some(Self::Decided),
            Action::ConfirmStopped { .. } => Self::look(step),
            Action::TakeSnapshot { database, .. } if step.line == Line::Snapshot => Some(Self::Snapshot(database)),
            Action::AwaitSessions(wait) => Some(Self::SessionsEnded(&wait.database)),
            Action::CheckStorage(check) => Some(Self::StorageSeen(&check.database)),
            Action::CountRows(count) if count.when == CountedWhen::Before => Some(Self::RowsCounted(&count.database)),
            Action::Migrate(_) => Some(Self::Migration(position)),
            _ => None,
        }
    }

    /// Which look at the hosts of its fleet a step is.
    fn look(step: &'a Step) -> Option<Self> {
        match (&step.lane, step.line) {
            (Lane::Fleet(fleet), Line::Migrate) => Some(Self::Confirmed(fleet)),
            (Lane::Fleet(fleet), Line::StopCurrent) => Some(Self::WritersStopped(fleet)),
            _ => None,
        }
    }
}

impl<'a> View<'a> {
    fn new(plan: &'a Plan) -> Self {
        let positions: NameMap<&StepId, usize> = plan.steps.iter().enumerate().map(|(p, step)| (&step.id, p)).collect();
        let waits_for = plan.steps.iter().map(|step| {
            step.waits_for.iter().filter_map(|edge| positions.get(&edge.step).copied()).collect::<Vec<usize>>()
        });
        let mut landmarks = BTreeMap::new();
        for landmark in plan.steps.iter().enumerate().filter_map(|(position, step)| Landmark::of(position, step)) {
            let number = landmarks.len();
            landmarks.entry(landmark).or_insert(number);
        }
        let migrations = plan.steps.iter().enumerate().filter(|(_, step)| matches!(step.action, Action::Migrate(_)));
        let migrations = migrations.map(|(position, _)| position).collect();
        let mut view = Self { plan, waits_for: waits_for.collect(), landmarks, passed: Vec::new(), migrations };
        view.pass();
        view
    }

    fn pass(&mut self) {
        let words = self.landmarks.len().div_ceil(64);
        for before in &self.waits_for {
            let mut bits = vec![0_u64; words];
            for earlier in before {
                bits.iter_mut().zip(&self.passed[*earlier]).for_each(|(bit, inherited)| *bit |= inherited);
                let own = Landmark::of(*earlier, &self.plan.steps[*earlier]);
                if let Some(number) = own.and_then(|landmark| self.landmarks.get(&landmark)) {
                    bits[number / 64] |= 1 << (number % 64);
                }
            }
            self.passed.push(bits);
        }
    }

    /// Whether a step of that kind has ended when the one at `position` starts.
    fn has_passed(&self, position: usize, landmark: Landmark<'_>) -> bool {
        let number = self.landmarks.get(&landmark);
        number.is_some_and(|number| self.passed[position][number / 64] & (1 << (number % 64)) != 0)
    }

    /// The steps that have ended when the one at `position` starts, found by walking back from it.
    fn before(&self, position: usize) -> impl Iterator<Item = &'a Step> {
        let mut found = vec![false; self.plan.steps.len()];
        let mut left = vec![position];
        while let Some(next) = left.pop() {
            for earlier in &self.waits_for[next] {
                if !std::mem::replace(&mut found[*earlier], true) {
                    left.push(*earlier);
                }
            }
        }
        self.plan.steps.iter().zip(found).filter(|(_, found)| *found).map(|(step, _)| step)
    }
}

fn error(step: &Step, message: impl Into<String>) -> Finding {
    Finding { severity: Severity::Error, step: step.id.clone(), message: message.into() }
}

fn warning(step: &Step, message: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warning, ..error(step, message) }
}
