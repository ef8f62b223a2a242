//! Like steps as one: `stop services on 18 current edxapp hosts` instead of 18 rows. The plan, the status, the report
//! and the terminal all speak of these groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::{Discriminant, discriminant};

use cutover_core::deployment::Role;
use cutover_core::names::{BalancerName, HostName, StepId};
use cutover_core::plan::{Action, CheckSite, Lane, Line, Membership, Plan, Rule, Step, Via};

use super::text::count;

/// Like steps: of one lane, one line of the runbook, one kind of action.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) lane: Lane,
    pub(super) line: Line,
    /// What the steps do together, for people.
    pub(super) title: String,
    /// Their positions in the plan.
    pub(super) steps: Vec<usize>,
    /// Whether it only holds others together, so that no row is needed for it.
    pub(super) milestone: bool,
}

/// The groups of a plan in the order of their first steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    pub(super) list: Vec<Group>,
    by_step: HashMap<StepId, usize>,
}

type Key = (Lane, Line, Discriminant<Action>, Option<Role>, Option<StepId>);

impl Groups {
    /// Like steps drawn together.
    pub(super) fn of(plan: &Plan) -> Self {
        Self::new(plan, |step| is_alone(&step.action), together)
    }

    /// Every step on its own.
    pub(super) fn every_step(plan: &Plan) -> Self {
        Self::new(plan, |_| true, |plan, group, _| plan.steps[group.steps[0]].title.clone())
    }

    fn new(plan: &Plan, alone: impl Fn(&Step) -> bool, title: impl Fn(&Plan, &Group, &Roles<'_>) -> String) -> Self {
        let roles = Roles::of(plan);
        let mut places: HashMap<Key, usize> = HashMap::new();
        let mut groups = Self::default();
        for (position, step) in plan.steps.iter().enumerate() {
            let role = host_of(&step.action).and_then(|host| roles.of_host(host));
            let own = alone(step).then(|| step.id.clone());
            let key = (step.lane.clone(), step.line, discriminant(&step.action), role, own);
            let place = *places.entry(key).or_insert(groups.list.len());
            if place == groups.list.len() {
                groups.list.push(Group {
                    lane: step.lane.clone(),
                    line: step.line,
                    title: String::new(),
                    steps: Vec::new(),
                    milestone: matches!(step.action, Action::Milestone),
                });
            }
            groups.list[place].steps.push(position);
            groups.by_step.insert(step.id.clone(), place);
        }
        for group in &mut groups.list {
            group.title = title(plan, group, &roles);
        }
        groups
    }

    /// The group of a step, by its place in the list.
    pub(super) fn place_of(&self, step: &StepId) -> Option<usize> {
        self.by_step.get(step).copied()
    }

    /// The group of a step.
    pub(super) fn group_of(&self, step: &StepId) -> Option<&Group> {
        self.list.get(self.place_of(step)?)
    }

    /// What a group waits for: other groups by the rule that demands it. Milestones are seen through.
    pub(super) fn waits_for(&self, plan: &Plan, group: &Group) -> BTreeMap<Rule, BTreeSet<usize>> {
        let mut rules: BTreeMap<Rule, BTreeSet<usize>> = BTreeMap::new();
        let mut seen: BTreeSet<(Rule, usize)> = BTreeSet::new();
        for edge in group.steps.iter().flat_map(|position| &plan.steps[*position].waits_for) {
            let Some(place) = self.place_of(&edge.step) else { continue };
            if !seen.insert((edge.rule, place)) {
                continue;
            }
            let before = &self.list[place];
            let behind = if before.milestone { self.behind(plan, before) } else { BTreeSet::from([place]) };
            rules.entry(edge.rule).or_default().extend(behind);
        }
        rules.retain(|_, places| {
            places.retain(|place| !std::ptr::eq(&raw const self.list[*place], group));
            !places.is_empty()
        });
        rules
    }

    fn behind(&self, plan: &Plan, milestone: &Group) -> BTreeSet<usize> {
        let edges = milestone.steps.iter().flat_map(|position| &plan.steps[*position].waits_for);
        let places = edges.filter_map(|edge| self.place_of(&edge.step));
        places.filter(|place| !self.list[*place].milestone).collect()
    }
}

/// Whether each step of this kind is worth its own row.
fn is_alone(action: &Action) -> bool {
    !matches!(
        action,
        Action::Launch(_)
            | Action::SmokeTest { .. }
            | Action::StopServices(_)
            | Action::StartServices(_)
            | Action::Register(_)
            | Action::Deregister(_)
            | Action::AwaitHealthy(_)
            | Action::AwaitDrained(_)
            | Action::CheckSite(_)
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

fn host_of(action: &Action) -> Option<&HostName> {
    match action {
        Action::Launch(launch) => Some(&launch.name),
        Action::SmokeTest { host, .. } | Action::Terminate { host, .. } => Some(&host.name),
        Action::StopServices(stop) => Some(&stop.host.name),
        Action::StartServices(start) => Some(&start.host.name),
        _ => None,
    }
}

/// What the steps of a group do together. Names of single hosts and balancers are in the plan of every step.
fn together(plan: &Plan, group: &Group, roles: &Roles<'_>) -> String {
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

#[cfg(test)]
mod tests {
    use cutover_core::plan::{Order, Phase};

    use super::*;
    use crate::show::testing;

    fn titles(groups: &Groups) -> Vec<&str> {
        groups.list.iter().map(|group| group.title.as_str()).collect()
    }

    #[test]
    fn like_steps_of_a_fleet_are_one_group_and_every_step_is_in_one() {
        let plan = testing::plan(&testing::deployment(), Phase::Window, Order::Overlapped);
        let groups = Groups::of(&plan);
        assert_eq!(groups.list.iter().map(|group| group.steps.len()).sum::<usize>(), plan.steps.len());
        let titles = titles(&groups);
        for title in [
            "stop services on 3 current edxapp hosts",
            "stop services on 2 current worker hosts",
            "take 3 current hosts out of 2 balancers",
            "verify 2 sites behind the page",
        ] {
            assert!(titles.contains(&title), "{title} in {titles:#?}");
        }
    }

    #[test]
    fn edxapp_and_worker_hosts_are_never_one_group() {
        let plan = testing::plan(&testing::deployment(), Phase::Prepare, Order::Overlapped);
        let groups = Groups::of(&plan);
        let titles = titles(&groups);
        for title in ["launch 3 next edxapp hosts", "launch 2 next worker hosts", "launch 1 next worker host"] {
            assert!(titles.contains(&title), "{title} in {titles:#?}");
        }
    }

    #[test]
    fn what_waits_for_a_milestone_waits_for_what_is_behind_it() {
        let plan = testing::plan(&testing::deployment(), Phase::Window, Order::Runbook);
        let groups = Groups::of(&plan);
        let migrate = groups.list.iter().find(|group| group.line == Line::Migrate && !group.milestone).expect("one");
        let waits = groups.waits_for(&plan, migrate);
        let lines = waits[&Rule::RunbookLine].iter().map(|place| groups.list[*place].line);
        assert_eq!(lines.collect::<BTreeSet<Line>>(), BTreeSet::from([Line::Snapshot]));
    }
}
