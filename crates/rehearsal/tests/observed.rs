//! What is observed of a world on which an upgrade was begun.

use std::rc::Rc;
use std::time::Duration;

use cutover_contract::{conductor, planned};
use cutover_core::deployment::parse;
use cutover_core::digest::Digest;
use cutover_core::observation::Observation;
use cutover_core::plan::Phase;
use cutover_engine::conductor::{self, Ending};
use cutover_engine::observe::observe;
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;
use cutover_rehearsal::{EmbeddedCloud, ScriptedOperator, SimulatedClock, run};

#[test]
fn pending_migrations_are_counted_on_next_hosts_and_unknown_before_one_runs() {
    let deployment = parse(include_str!("../../../examples/mitx-qa.toml")).expect("the example has no mistakes");
    let start = deployment.window.start.timestamp.checked_sub(Duration::from_secs(4 * 86_400)).expect("in range");
    let clock = SimulatedClock::new(start);
    let world = EmbeddedCloud::furnish(&deployment, 1, start);
    let cloud = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>);
    let known = |observation: &Observation| observation.pending.iter().filter(|found| found.count.is_some()).count();
    run(&clock, async {
        let at = Rc::clone(&clock) as Rc<dyn Clock>;
        let operator = Rc::new(ScriptedOperator::new(&deployment, Rc::clone(&at)));
        let conductor = conductor(cloud.world(), at, operator, Store::memory(&deployment.upgrade()), &deployment).await;
        let look = async || {
            let upgrade = conductor.journal.upgrade().clone();
            observe(&conductor.world, &*conductor.clock, &deployment, &upgrade).await.expect("it can be observed")
        };
        let before = look().await;
        assert_eq!(known(&before), 0);
        for phase in [Phase::Announce, Phase::Prepare] {
            let plan = planned(&conductor, &deployment, phase).await.expect("observed");
            let ending =
                conductor::run(&conductor, Some((plan, Digest::of(b""))), phase).await.expect("the journal works");
            assert_eq!(ending, Ending::Finished);
        }
        let after = look().await;
        assert_eq!((known(&after), after.pending.len()), (before.pending.len(), before.pending.len()));
    });
}
