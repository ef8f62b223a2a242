//! Groups of similar steps, which people read instead of one row per host.

mod support;

use std::collections::BTreeSet;

use cutover_core::journal::Upgrade;
use cutover_core::plan::{Action, Line, Order, Phase, Plan, Rule, StepGroups};
use cutover_core::planner::{Inputs, forecast};

use support::{PRODUCTION, QA, deployment, observe};

fn plan(phase: Phase, order: Order) -> Plan {
    plan_of(PRODUCTION, phase, order)
}

fn plan_of(text: &str, phase: Phase, order: Order) -> Plan {
    let deployment = deployment(text);
    let (observation, upgrade) = (observe(&deployment), Upgrade::default());
    forecast(Inputs { deployment: &deployment, observation: &observation, upgrade: &upgrade }, phase, order)
}

fn has_titles(groups: &StepGroups, wanted: &[&str]) {
    let titles: Vec<&str> = groups.list.iter().map(|group| group.title.as_str()).collect();
    for title in wanted {
        assert!(titles.contains(title), "{title} in {titles:#?}");
    }
}

#[test]
fn like_steps_of_a_fleet_are_one_group_and_every_step_is_in_one() {
    for text in [PRODUCTION, QA] {
        let plan = plan_of(text, Phase::Window, Order::Overlapped);
        let groups = StepGroups::of(&plan);
        assert_eq!(groups.list.iter().map(|group| group.steps.len()).sum::<usize>(), plan.steps.len());
    }
    has_titles(
        &StepGroups::of(&plan(Phase::Window, Order::Overlapped)),
        &[
            "stop services on 18 current edxapp hosts",
            "stop services on 6 current worker hosts",
            "take 18 current hosts out of 2 balancers",
            "verify 3 sites behind the page",
        ],
    );
}

#[test]
fn edxapp_and_worker_hosts_are_never_one_group() {
    let groups = StepGroups::of(&plan(Phase::Prepare, Order::Overlapped));
    has_titles(&groups, &["launch 18 next edxapp hosts", "launch 6 next worker hosts", "launch 4 next worker hosts"]);
}

#[test]
fn what_waits_for_a_milestone_waits_for_what_is_behind_it() {
    let plan = plan(Phase::Window, Order::Runbook);
    let groups = StepGroups::of(&plan);
    let migrate = groups.list.iter().find(|group| group.line == Line::Migrate && !group.milestone).expect("one");
    let waits = groups.waits_for(&plan, migrate);
    let lines = waits[&Rule::RunbookLine].iter().map(|group| groups.list[*group].line);
    assert_eq!(lines.collect::<BTreeSet<Line>>(), BTreeSet::from([Line::Snapshot]));
}

#[test]
fn the_groups_of_each_phase_say_what_their_steps_do_together() {
    for phase in Phase::ALL {
        let groups = StepGroups::of(&plan(phase, Order::Overlapped));
        let rows = groups.list.iter().filter(|group| !group.milestone);
        let rows: String = rows.map(|group| format!("{}: {}\n", group.lane, group.title)).collect();
        insta::assert_snapshot!(format!("groups_of_{phase}"), rows);
    }
}

#[test]
fn images_are_removed_in_one_group_and_a_single_one_keeps_its_title() {
    let mut plan = plan(Phase::Retire, Order::Overlapped);
    let mut remove = plan.steps.pop().expect("a step");
    let titles = |plan: &Plan| StepGroups::of(plan).list.iter().map(|group| group.title.clone()).collect::<Vec<_>>();
    plan.steps.clear();
    for image in ["ami-1", "ami-2"] {
        remove.id = image.into();
        remove.title = format!("remove {image}");
        remove.action = Action::RemoveImage { image: image.into(), name: image.into() };
        plan.steps.push(remove.clone());
    }
    assert_eq!(titles(&plan), ["remove 2 old images"]);
    plan.steps.pop();
    assert_eq!(titles(&plan), ["remove ami-1"]);
}

#[test]
fn a_plan_can_be_shown_with_every_step_on_its_own_and_a_step_is_found_in_its_group() {
    let plan = plan(Phase::Window, Order::Overlapped);
    let every = StepGroups::every_step(&plan);
    let titles: Vec<&str> = every.list.iter().map(|group| group.title.as_str()).collect();
    assert_eq!(titles, plan.steps.iter().map(|step| step.title.as_str()).collect::<Vec<_>>());
    let groups = StepGroups::of(&plan);
    for (position, step) in plan.steps.iter().enumerate() {
        let group = groups.group_of(&step.id).expect("every step is in a group");
        assert!(group.steps.contains(&position), "{}", step.id);
    }
    assert!(groups.group_of(&"no-such-step".into()).is_none());
}
