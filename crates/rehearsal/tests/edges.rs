//! Tests that the plan's edges are necessary: without the edges of a rule, an invariant of the embedded cloud is
//! violated, or the upgrade does not finish. Nothing else orders the steps, so nothing else could prevent that.

use std::rc::Rc;

use cutover_contract::{conductor, planned};
use cutover_core::deployment::{Deployment, parse};
use cutover_core::digest::Digest;
use cutover_core::plan::{Phase, Plan, Rule};
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;
use cutover_rehearsal::{EmbeddedCloud, KnownResources, ScriptedOperator, SimulatedClock, run};

const PRODUCTION: &str = include_str!("../../../examples/mitx-production.toml");
const QA: &str = include_str!("../../../examples/mitx-qa.toml");

/// The result of an upgrade whose plans were changed.
struct Outcome {
    finished: bool,
    violations: Vec<String>,
    errors: u64,
}

impl Outcome {
    fn is_well(&self) -> bool {
        self.finished && self.violations.is_empty() && self.errors == 0
    }
}

/// Conducts an upgrade whose plans are `changed` before they are run. The linter is not used.
fn conducted(deployment: &Deployment, changed: impl Fn(&mut Plan)) -> Outcome {
    let start =
        deployment.window.start.timestamp.checked_sub(std::time::Duration::from_secs(4 * 86_400)).expect("in range");
    let clock = SimulatedClock::new(start);
    let world = EmbeddedCloud::furnish(deployment, 1, start);
    let cloud = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>);
    let finished = run(&clock, async {
        let at = Rc::clone(&clock) as Rc<dyn Clock>;
        let operator = Rc::new(ScriptedOperator::new(deployment, Rc::clone(&at)));
        let conductor = conductor(cloud.world(), at, operator, Store::memory(&deployment.upgrade()), deployment).await;
        for phase in Phase::ALL {
            let mut plan = planned(&conductor, deployment, phase).await.expect("observed");
            changed(&mut plan);
            let ending = phase::run(&conductor, Some((plan, Digest::of(b""))), phase).await.expect("the journal works");
            if ending != Ending::Finished {
                return None;
            }
        }
        Some(KnownResources::of(&conductor.journal.upgrade()))
    });
    let at_the_end = finished.iter().flat_map(|known| cloud.check_end(known));
    let violations = cloud.violations().into_iter().chain(at_the_end);
    let violations = violations.map(|violation| format!("{violation:?}")).collect();
    Outcome { finished: finished.is_some(), violations, errors: cloud.visitors().error }
}

fn without(rules: &'static [Rule]) -> impl Fn(&mut Plan) {
    move |plan| plan.steps.iter_mut().for_each(|step| step.waits_for.retain(|edge| !rules.contains(&edge.rule)))
}

#[test]
fn unchanged_plans_do_no_harm() {
    for text in [PRODUCTION, QA] {
        let outcome = conducted(&parse(text).expect("no mistakes"), |_| {});
        assert!(outcome.is_well(), "{:?}", outcome.violations);
    }
}

#[test]
fn without_any_one_rule_something_happens_that_must_not() {
    let needed: [(&str, &'static [Rule]); 10] = [
        (PRODUCTION, &[Rule::VisitorsDiverted]),
        (PRODUCTION, &[Rule::WritersStopped]),
        (PRODUCTION, &[Rule::SnapshotFirst]),
        (PRODUCTION, &[Rule::OneMigrator]),
        (PRODUCTION, &[Rule::MigratedFirst]),
        (PRODUCTION, &[Rule::VerifiedFirst, Rule::Decision]),
        (PRODUCTION, &[Rule::ImageFirst]),
        (PRODUCTION, &[Rule::HealthyFirst]),
        (PRODUCTION, &[Rule::Follows]),
        (QA, &[Rule::HostIsUp, Rule::TestedFirst]),
    ];
    for (text, rules) in needed {
        let outcome = conducted(&parse(text).expect("no mistakes"), without(rules));
        assert!(!outcome.is_well(), "without {rules:?} nothing went wrong: is the rule needed?");
    }
}
