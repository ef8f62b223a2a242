//! Where an upgrade is, in plans so large that milestones join their steps.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, RunNumber, Upgrade};
use cutover_core::names::StepId;
use cutover_core::plan::{Action, Order, Phase, Plan};
use cutover_core::planner::{Inputs, forecast};
use cutover_core::status::{NextSteps, Status, StatusInputs};

use support::{PRODUCTION, QA, deployment, observe};

/// What comes next while the next hosts' services are being started, and all is done that does not wait for them.
fn next_while_services_start(text: &str, hosts: u32) -> Vec<NextSteps> {
    let mut deployment = deployment(text);
    for fleet in &mut deployment.fleets {
        fleet.edxapp.count = hosts;
    }
    let observation = observe(&deployment);
    let mut upgrade = Upgrade::default();
    let inputs = Inputs { deployment: &deployment, observation: &observation, upgrade: &upgrade };
    let plan = forecast(inputs, Phase::Window, Order::Overlapped);
    let events = events(&plan);
    let (run, kind, deployment_digest) = (RunNumber(1), Phase::Window.into(), Digest::of_json(&deployment));
    let start = Event::RunStarted { run, kind, plan: Arc::new(plan), deployment: deployment_digest };
    for event in std::iter::once(start).chain(events) {
        upgrade.apply(observation.at, &event).expect("it can follow");
    }
    let inputs = StatusInputs {
        upgrade: &upgrade,
        deployment: &deployment,
        file: "mitx.toml",
        now: observation.at,
        conductor_lives: Some(true),
        damage: None,
    };
    Status::of(inputs).next
}

/// Starts services, after everything that does not wait for them has been done.
fn events(plan: &Plan) -> Vec<Event> {
    let mut done: BTreeSet<&StepId> = BTreeSet::new();
    let mut events = Vec::new();
    for step in &plan.steps {
        if !step.waits_for.iter().all(|edge| done.contains(&edge.step)) {
            continue;
        }
        if matches!(step.action, Action::StartServices(_)) {
            events.push(Event::StepStarted { step: step.id.clone(), attempt: 1 });
        } else {
            done.insert(&step.id);
            events.push(Event::StepHeld { step: step.id.clone(), facts: Vec::new() });
        }
    }
    events
}

#[test]
fn what_follows_a_milestone_is_next_as_soon_as_all_that_it_joins_has_started() {
    for text in [PRODUCTION, QA] {
        // With 4 hosts edges join the steps, with 400 a milestone for each fleet does.
        let [few, many] = [4, 400].map(|hosts| next_while_services_start(text, hosts));
        let lanes = |next: &[NextSteps]| next.iter().map(|next| next.lane.clone()).collect::<Vec<_>>();
        assert!(!few.is_empty());
        assert_eq!(lanes(&many), lanes(&few), "{many:#?} {few:#?}");
    }
}
