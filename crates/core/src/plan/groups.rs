//! Groups of like steps: `stop services on 18 current edxapp hosts` instead of 18 rows. Plan, status, report and the
//! terminal all show these groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::{Discriminant, discriminant};

use crate::deployment::Role;
use crate::names::{BalancerName, HostName, StepId};
use crate::words::count;

use super::{Action, CheckSite, Lane, Line, Membership, Plan, Rule, Step, Via};

/// Like steps: of one lane, one line of the runbook, one kind of action.
#[derive(Clone, Debug)]
pub struct StepGroup {
    /// The lane of all of them.
    pub lane: Lane,
    /// The line of the runbook that all of them belong to.
    pub line: Line,
    /// What the steps do together, for people.
    pub title: String,
    /// Their positions in the plan.
    pub steps: Vec<usize>,
    /// Whether it is a milestone, which only joins other steps and needs no row.
    pub milestone: bool,
}

/// The groups of a plan in the order of their first steps.
#[derive(Clone, Debug, Default)]
pub struct StepGroups {
    /// All groups; every step is in exactly one.
    pub list: Vec<StepGroup>,
    by_step: HashMap<StepId, usize>,
}

type Key = (Lane, Line, Discriminant<Action>, Option<Role>, Option<StepId>);

impl StepGroups {
    /// Like steps drawn together.
    pub fn of(plan: &Plan) -> Self {
        Self::new(plan, |step| is_alone(&step.action), together)
    }

    /// Every step on its own.
    pub fn every_step(plan: &Plan) -> Self {
        Self::new(plan, |_| true, |plan, group, _| plan.steps[group.steps[0]].title.clone())
    }

    fn new(
        plan: &Plan,
        alone: impl Fn(&Step) -> bool,
        title: impl Fn(&Plan, &StepGroup, &Roles<'_>) -> String,
    ) -> Self {
        let roles = Roles::of(plan);
        let mut indices: HashMap<Key, usize> = HashMap::new();
        let mut groups = Self::default();
        for (position, step) in plan.steps.iter().enumerate() {
            let role = host_of(&step.action).and_then(|host| roles.of_host(host));
            let own = alone(step).then(|| step.id.clone());
            let key = (step.lane.clone(), step.line, discriminant(&step.action), role, own);
            let index = *indices.entry(key).or_insert(groups.list.len());
            if index == groups.list.len() {
                groups.list.push(StepGroup {
                    lane: step.lane.clone(),
                    line: step.line,
                    title: String::new(),
                    steps: Vec::new(),
                    milestone: matches!(step.action, Action::Milestone),
                });
            }
            groups.list[index].steps.push(position);
            groups.by_step.insert(step.id.clone(), index);
        }
        for group in &mut groups.list {
            group.title = title(plan, group, &roles);
        }
        groups
    }

    /// The group of a step, by its index in the list.
    pub fn index_of(&self, step: &StepId) -> Option<usize> {
        self.by_step.get(step).copied()
    }

    /// The group of a step.
    pub fn group_of(&self, step: &StepId) -> Option<&StepGroup> {
        self.list.get(self.index_of(step)?)
    }

    /// The groups that a group waits for, by the rule that requires it. Instead of a milestone, the groups that the
    /// milestone waits for are given.
    pub fn waits_for(&self, plan: &Plan, group: &StepGroup) -> BTreeMap<Rule, BTreeSet<usize>> {
        let mut rules: BTreeMap<Rule, BTreeSet<usize>> = BTreeMap::new();
        let mut seen: BTreeSet<(Rule, usize)> = BTreeSet::new();
        for edge in group.steps.iter().flat_map(|position| &plan.steps[*position].waits_for) {
            let Some(index) = self.index_of(&edge.step) else { continue };
            if !seen.insert((edge.rule, index)) {
                continue;
            }
            let before = &self.list[index];
            let behind = if before.milestone { self.behind(plan, before) } else { BTreeSet::from([index]) };
            rules.entry(edge.rule).or_default().extend(behind);
        }
        rules.retain(|_, indices| {
            indices.retain(|index| !std::ptr::eq(&raw const self.list[*index], group));
            !indices.is_empty()
        });
        rules
    }

    fn behind(&self, plan: &Plan, milestone: &StepGroup) -> BTreeSet<usize> {
        let edges = milestone.steps.iter().flat_map(|position| &plan.steps[*position].waits_for);
        let indices = edges.filter_map(|edge| self.index_of(&edge.step));
        indices.filter(|index| !self.list[*index].milestone).collect()
    }
}

/// Whether each step of this kind is worth its own row.
fn is_alone(action: &Action) -> bool {
    !matches!(
        action,
        Action::Launch(_)
            | Action::SmokeTest { .. }
            | Action::HoldBack(_)
            | Action::PutBack(_)
            | Action::RunCommands(_)
            | Action::StopServices(_)
            | Action::StartServices(_)
            | Action::Register(_)
            | Action::Deregister(_)
            | Action::AwaitHealthy(_)
            | Action::AwaitDrained(_)
            | Action::CheckSite(_)
            | Action::WriteCheck(_)
            | Action::Terminate { .. }
            | Action::RemoveImage { .. }
    )
}

/// What the hosts of a plan are for, as far as the plan itself says: by their launch, or because a balancer has
/// them. Workers are in none.
struct Roles<'a> {
    launched: HashMap<&'a HostName, Role>,
    serving: BTreeSet<&'a HostName>,
}

impl<'a> Roles<'a> {
    fn of(plan: &'a Plan) -> Self {
        let mut roles = Self { launched: HashMap::new(), serving: BTreeSet::new() };
        for step in &plan.steps {
            match &step.action {
                Action::Launch(launch) => {
                    roles.launched.insert(&launch.name, launch.role);
                }
                Action::Register(members) | Action::Deregister(members) => {
                    roles.serving.extend(members.hosts.iter().map(|host| &host.name));
                }
                _ => {}
            }
        }
        roles
    }

    fn of_host(&self, host: &HostName) -> Option<Role> {
        let serving = || if self.serving.contains(host) { Role::Edxapp } else { Role::Worker };
        let known = self.launched.get(host).copied();
        if known.is_none() && self.serving.is_empty() { None } else { Some(known.unwrap_or_else(serving)) }
    }
}

/// The host that an action is about; nothing if it is about several, or about something else.
#[must_use]
pub fn host_of(action: &Action) -> Option<&HostName> {
    match action {
        Action::Launch(launch) => Some(&launch.name),
        Action::SmokeTest { host, .. } | Action::Terminate { host, .. } => Some(&host.name),
        Action::HoldBack(held) | Action::PutBack(held) => Some(&held.host.name),
        Action::RunCommands(run) => Some(&run.host.name),
        Action::WriteCheck(check) => Some(&check.host.name),
        Action::StopServices(stop) => Some(&stop.host.name),
        Action::StartServices(start) => Some(&start.host.name),
        _ => None,
    }
}

/// What the steps of a group do together. Names of single hosts and balancers are in the plan of every step.
fn together(plan: &Plan, group: &StepGroup, roles: &Roles<'_>) -> String {
    let steps: Vec<&Step> = group.steps.iter().map(|position| &plan.steps[*position]).collect();
    let Some(first) = steps.first() else { return String::new() };
    let role = host_of(&first.action).and_then(|host| roles.of_host(host));
    let role = role.map_or_else(String::new, |role| format!("{role} "));
    let hosts = |age: &str| count(steps.len(), &format!("{age} {role}host"));
    let members = |members: &Membership, age: &str| count(members.hosts.len(), &format!("{age} host"));
    let balancers = count(distinct(&steps, balancer_of).len(), "balancer");
    let have = if steps.len() == 1 { "has" } else { "have" };
    match &first.action {
        Action::Launch(_) => format!("launch {}", hosts("next")),
        Action::SmokeTest { .. } => format!("smoke-test {}", hosts("next")),
        Action::HoldBack(_) => format!("hold cron and timers back on {}", hosts("current")),
        Action::PutBack(_) => format!("put cron and timers back on {}", hosts("current")),
        Action::RunCommands(run) => {
            let hosts = count(steps.len(), &format!("{role}host"));
            format!("run the commands of `{}` on {hosts}", run.purpose.as_str())
        }
        Action::StopServices(_) if group.line == Line::ShutDown => format!("shut services down on {}", hosts("next")),
        Action::StopServices(_) => format!("stop services on {}", hosts("current")),
        Action::StartServices(_) => format!("start services on {}", hosts("next")),
        Action::Register(of) => format!("register {} in {balancers}", members(of, "next")),
        Action::Deregister(of) => format!("take {} out of {balancers}", members(of, "current")),
        Action::AwaitHealthy(_) => format!("wait until {balancers} {have} them in service"),
        Action::AwaitDrained(_) => format!("wait until {balancers} {have} drained them"),
        Action::Terminate { .. } => format!("terminate {}", hosts("old")),
        _ if steps.len() == 1 => first.title.clone(),
        Action::CheckSite(CheckSite { via: Via::PublicDns, .. }) => {
            format!("check {} sites as visitors see them", steps.len())
        }
        Action::CheckSite(_) => format!("verify {} sites behind the page", steps.len()),
        Action::WriteCheck(_) => format!("try {} writes behind the page", steps.len()),
        Action::RemoveImage { .. } => format!("remove {} old images", steps.len()),
        _ => first.title.clone(),
    }
}

fn balancer_of(action: &Action) -> Option<&BalancerName> {
    match action {
        Action::Register(members)
        | Action::Deregister(members)
        | Action::AwaitHealthy(members)
        | Action::AwaitDrained(members) => Some(&members.balancer),
        _ => None,
    }
}

fn distinct<'a, T: Ord>(steps: &[&'a Step], of: impl Fn(&'a Action) -> Option<T>) -> BTreeSet<T> {
    steps.iter().filter_map(|step| of(&step.action)).collect()
}
