//! The plan's own linter: it knows nothing of how plans are made and holds each against what must never happen.
//! A planner that errs is caught here before anything is touched.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{Action, Host, Line, Migrate, Phase, Plan, Step, Undo, Via};
use crate::deployment::{BalancerKind, Deployment};
use crate::names::{DnsName, StepId};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The plan can be run, by somebody who knows this.
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
    /// What is wrong, and what would follow.
    pub message: String,
}

/// Everything that is wrong with `plan`, errors first.
#[must_use]
pub fn lint(plan: &Plan, deployment: &Deployment) -> Vec<Finding> {
    let mut findings = structure(plan);
    if findings.is_empty() {
        let view = View::new(plan);
        for (place, step) in plan.steps.iter().enumerate() {
            findings.extend(safety(&view, deployment, place, step));
            findings.extend(approval(&view, place, step));
        }
        findings.extend(one_migrator(&view));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Every step once, and every edge to a step before it: then there is no cycle and nothing waits for ever.
fn structure(plan: &Plan) -> Vec<Finding> {
    let mut seen: HashMap<&StepId, usize> = HashMap::new();
    let mut findings = Vec::new();
    for (place, step) in plan.steps.iter().enumerate() {
        for edge in step.waits_for.iter().filter(|edge| !seen.contains_key(&edge.step)) {
            let message = format!("waits for {}, which is not before it in the plan", edge.step);
            findings.push(error(step, message));
        }
        if seen.insert(&step.id, place).is_some() {
            findings.push(error(step, "is in the plan twice"));
        }
    }
    findings
}

fn safety(view: &View<'_>, deployment: &Deployment, place: usize, step: &Step) -> Vec<Finding> {
    match &step.action {
        Action::Migrate(migrate) => migration(view, deployment, place, step, migrate),
        Action::StartServices(_) if step.line == Line::StartNext => started_early(view, place, step),
        Action::Register(members) if members.kind == BalancerKind::TargetGroup && step.line == Line::AddNext => {
            let serving = |host: &Host| {
                view.before(place).any(|s| matches!(&s.action, Action::StartServices(start) if start.host == *host))
            };
            let early = members.hosts.iter().find(|host| !serving(host));
            early
                .map(|host| error(step, format!("registers {} in a target group before it serves", host.name)))
                .into_iter()
                .collect()
        }
        Action::Deregister(_) if view.plan.phase == Phase::Window => {
            let diverted = view.before(place).any(|step| matches!(step.action, Action::AwaitResolvers(_)));
            let finding = error(step, "takes hosts out of a balancer while visitors are still sent to it");
            if diverted { Vec::new() } else { vec![finding] }
        }
        Action::ChangeRecords(change) if step.line == Line::LiftPage => {
            let verified = |name: &DnsName| {
                view.before(place).any(|step| {
                matches!(&step.action, Action::CheckSite(check) if check.host == *name && check.via != Via::PublicDns)
            })
            };
            let unverified = change.records.iter().filter(|record| !verified(&record.name));
            unverified
                .map(|record| error(step, format!("sends visitors to {} before it is verified", record.name)))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn migration(view: &View<'_>, deployment: &Deployment, place: usize, step: &Step, migrate: &Migrate) -> Vec<Finding> {
    let mut findings = Vec::new();
    let snapshot = view.before(place).any(|before| {
        matches!(&before.action, Action::TakeSnapshot { database, .. } if *database == migrate.instance)
            && before.line == Line::Snapshot
    });
    if !snapshot {
        let wanted = deployment.databases.iter().any(|d| d.name == migrate.instance && d.snapshot);
        let message = format!("migrates {} without a snapshot of {} to go back to", migrate.schema, migrate.instance);
        findings.push(if wanted { error(step, message) } else { warning(step, message) });
    }
    if !view.before(place).any(|before| matches!(before.action, Action::ConfirmStopped { .. })) {
        findings.push(error(step, "migrates without looking again whether old code still runs"));
    }
    findings
}

/// A next host starts after every migration of its fleet.
fn started_early(view: &View<'_>, place: usize, step: &Step) -> Vec<Finding> {
    let migrations = view.migrations.iter().filter(|other| view.plan.steps[**other].lane == step.lane);
    let unfinished = migrations.filter(|other| !view.is_before(**other, place));
    unfinished
        .map(|other| error(step, format!("starts new code before {} has ended", view.plan.steps[*other].id)))
        .collect()
}

/// What nothing undoes must have been decided by somebody.
fn approval(view: &View<'_>, place: usize, step: &Step) -> Option<Finding> {
    let Undo::Impossible { .. } = &step.undo else { return None };
    let approved = view.before(place).any(|step| matches!(step.action, Action::Decide(_)));
    let message = "nothing undoes it, and no gate lets anybody decide on it first";
    (!approved).then(|| warning(step, message))
}

/// Migrations of a schema, and of a fleet, are one after the other.
fn one_migrator(view: &View<'_>) -> Vec<Finding> {
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    for place in &view.migrations {
        let step = &view.plan.steps[*place];
        let Action::Migrate(migrate) = &step.action else { continue };
        for key in [format!("schema {}", migrate.schema), format!("fleet {}", migrate.fleet)] {
            if let Some(before) = last.insert(key.clone(), *place)
                && !view.is_before(before, *place)
            {
                let message = format!("may run beside {} on {key}", view.plan.steps[before].id);
                findings.push(error(step, message));
            }
        }
    }
    findings
}

/// A plan with the ancestors of each step, as bits by position.
struct View<'a> {
    plan: &'a Plan,
    ancestors: Vec<Vec<u64>>,
    migrations: Vec<usize>,
}

impl<'a> View<'a> {
    fn new(plan: &'a Plan) -> Self {
        let places: HashMap<&StepId, usize> = plan.steps.iter().enumerate().map(|(p, step)| (&step.id, p)).collect();
        let words = plan.steps.len().div_ceil(64);
        let mut ancestors: Vec<Vec<u64>> = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let mut bits = vec![0_u64; words];
            for before in step.waits_for.iter().filter_map(|edge| places.get(&edge.step)) {
                bits[before / 64] |= 1 << (before % 64);
                bits.iter_mut().zip(&ancestors[*before]).for_each(|(bit, inherited)| *bit |= inherited);
            }
            ancestors.push(bits);
        }
        let migrations = plan.steps.iter().enumerate().filter(|(_, step)| matches!(step.action, Action::Migrate(_)));
        Self { plan, ancestors, migrations: migrations.map(|(place, _)| place).collect() }
    }

    fn is_before(&self, before: usize, place: usize) -> bool {
        self.ancestors[place][before / 64] & (1 << (before % 64)) != 0
    }

    /// The steps that have ended when the one at `place` begins.
    fn before(&self, place: usize) -> impl Iterator<Item = &'a Step> + '_ {
        self.plan.steps.iter().enumerate().filter(move |(other, _)| self.is_before(*other, place)).map(|(_, step)| step)
    }
}

fn error(step: &Step, message: impl Into<String>) -> Finding {
    Finding { severity: Severity::Error, step: step.id.clone(), message: message.into() }
}

fn warning(step: &Step, message: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warning, ..error(step, message) }
}
