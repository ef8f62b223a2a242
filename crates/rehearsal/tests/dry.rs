//! A dry run of every phase over the embedded cloud: what each step says it would do, and that nothing is done.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::{Deployment, parse};
use cutover_core::journal::Upgrade;
use cutover_core::plan::{Order, Phase, Plan};
use cutover_core::planner::{Inputs, forecast};
use cutover_engine::dry::{DryOutcome, DryStep, Writes, walk};
use cutover_engine::observe::observe;
use cutover_engine::ports::Clock;
use cutover_rehearsal::{EmbeddedCloud, SimulatedClock, run};

/// The example with one host of each kind.
fn small() -> Deployment {
    let mut deployment = parse(include_str!("../../../examples/mitx-qa.toml")).expect("the example has no mistakes");
    for fleet in &mut deployment.fleets {
        fleet.edxapp.count = 1;
        fleet.worker.iter_mut().for_each(|worker| worker.count = 1);
    }
    deployment
}

/// What a dry run of all phases, one after the other, says of the last one before anything of the upgrade was begun.
fn walked(deployment: &Deployment, last: Phase) -> Vec<DryStep> {
    let start = deployment.window.start.timestamp.checked_sub(Duration::from_secs(4 * 86_400)).expect("in range");
    let clock = SimulatedClock::new(start);
    let cloud =
        EmbeddedCloud::in_memory(EmbeddedCloud::furnish(deployment, 1, start), Rc::clone(&clock) as Rc<dyn Clock>);
    let (world, at) = (cloud.world(), Rc::clone(&clock) as Rc<dyn Clock>);
    let upgrade = Upgrade::default();
    run(&clock, async {
        let before = observe(&world, &*at, deployment, &upgrade).await.expect("it can be observed");
        let inputs = Inputs { deployment, observation: &before, upgrade: &upgrade };
        let phases = Phase::ALL.into_iter().filter(|phase| *phase <= last);
        let plans: Vec<Plan> = phases.map(|phase| forecast(inputs, phase, Order::Overlapped)).collect();
        let steps = walk(&world, &at, deployment, &upgrade, &plans, Writes::InWords, &BTreeMap::new())
            .await
            .expect("plans fit");
        let after = observe(&world, &*at, deployment, &upgrade).await.expect("it can be observed");
        assert_eq!(
            after,
            cutover_core::observation::Observation { at: after.at, ..before.clone() },
            "nothing was done"
        );
        steps
    })
}

fn told(steps: &[DryStep]) -> String {
    let lines = steps.iter().map(|step| match &step.outcome {
        DryOutcome::AlreadySo => format!("{}: already so\n", step.id),
        DryOutcome::InWords { words } => format!("{}: {words}\n", step.id),
        other => format!("{}: {other:?}\n", step.id),
    });
    lines.collect()
}

#[test]
fn a_dry_run_says_of_each_step_what_it_would_do_and_does_nothing() {
    for phase in Phase::ALL {
        insta::assert_snapshot!(phase.as_str(), told(&walked(&small(), phase)));
    }
}
