//! Common parts of tests of whole upgrades, on any implementation: a conductor, the plan of a phase, and a step to
//! make plans from. Each test runs the phase and checks the result itself.

use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Event;
use cutover_core::plan::{Action, Line, Order, Phase, Plan, Step};
use cutover_core::planner::{Inputs, plan};
use cutover_engine::drive::Conductor;
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Authority, Gate};
use cutover_engine::journal::{Journal, read};
use cutover_engine::lease::OnClock;
use cutover_engine::observe::observe;
use cutover_engine::ports::{Answer, Clock, Operator, World};
use cutover_engine::store::Store;

/// A conductor that takes over the upgrade in `store`. Its progress goes nowhere, and nobody stops it.
///
/// # Panics
/// When the journal in `store` is inconsistent, or cannot be written.
pub async fn conductor(
    world: World,
    clock: Rc<dyn Clock>,
    operator: Rc<dyn Operator>,
    store: Store,
    deployment: &Deployment,
) -> Conductor {
    let reading = read(&store).await.expect("the journal is consistent");
    let epoch = reading.records.last().map_or(1, |last| last.epoch + 1);
    let journal = Rc::new(Journal::open(store, reading, Rc::clone(&clock), epoch, nonce(epoch), Rc::new(|_| {})));
    let gate = Gate::new(Authority::Alone, Rc::clone(&journal), Rc::new(OnClock(Rc::clone(&clock))))
        .with_zone(ZoneFence::of(deployment, &world, &clock));
    let conductor =
        Conductor::new(world, clock, operator, journal, gate, std::future::pending().boxed_local().shared());
    let took_over = Event::ConductorTookOver { upgrade: deployment.upgrade(), conductor: "test".to_owned() };
    conductor.journal.append(took_over).await.expect("it can be recorded");
    conductor
}

/// A step that waits for nothing, is expected to take ten seconds, and may take five minutes.
#[must_use]
pub fn step(id: &str, action: Action) -> Step {
    let (expected, limit) = (Duration::from_secs(10), Duration::from_secs(300));
    Step { expected, limit, ..Step::new(id, Line::Notify, id, action) }
}

fn nonce(epoch: u64) -> String {
    format!("test-{epoch}")
}

/// The plan of a phase, made from the journal and from what is observed in the conductor's world now.
///
/// # Errors
/// When the world cannot be observed.
///
/// # Panics
/// When the phase cannot start.
pub async fn planned(conductor: &Conductor, deployment: &Deployment, phase: Phase) -> Answer<Plan> {
    let upgrade = conductor.journal.upgrade().clone();
    let observation = observe(&conductor.world, &*conductor.clock, deployment, &upgrade).await?;
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    Ok(plan(inputs, phase, Order::Overlapped).expect("the phase can start"))
}
