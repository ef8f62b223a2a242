//! Common parts of tests of whole upgrades, on any implementation: a conductor's crew on a store in memory, and the
//! plan of a phase. Each test runs the phase and checks the result itself.

use std::rc::Rc;

use futures_util::FutureExt;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Event;
use cutover_core::plan::{Order, Phase, Plan};
use cutover_core::planner::{Inputs, plan};
use cutover_engine::drive::Crew;
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Gate, Hold};
use cutover_engine::journal::{Journal, read};
use cutover_engine::lease::OnClock;
use cutover_engine::observe::observe;
use cutover_engine::ports::{Answer, Clock, Operator, World};
use cutover_engine::store::Store;

/// A conductor that takes over the upgrade in `store`. Its progress goes nowhere, and nobody stops it.
///
/// # Panics
/// When the journal in `store` is inconsistent, or cannot be written.
pub async fn crew(
    world: World,
    clock: Rc<dyn Clock>,
    operator: Rc<dyn Operator>,
    store: Store,
    deployment: &Deployment,
) -> Crew {
    let reading = read(&store).await.expect("the journal is consistent");
    let epoch = reading.records.last().map_or(1, |last| last.epoch + 1);
    let journal = Rc::new(Journal::open(store, reading, Rc::clone(&clock), epoch, nonce(epoch), Rc::new(|_| {})));
    let gate = Gate::new(Hold::Alone, Rc::clone(&journal), Rc::new(OnClock(Rc::clone(&clock))))
        .with_zone(ZoneFence::of(deployment, &world, &clock));
    let crew = Crew::new(world, clock, operator, journal, gate, std::future::pending().boxed_local().shared());
    let took_over = Event::ConductorTookOver { upgrade: deployment.upgrade(), conductor: "test".to_owned() };
    crew.journal.append(took_over).await.expect("it can be recorded");
    crew
}

fn nonce(epoch: u64) -> String {
    format!("test-{epoch}")
}

/// The plan of a phase, made from the journal and from what is observed in the crew's world now.
///
/// # Errors
/// When the world cannot be observed.
///
/// # Panics
/// When the phase cannot start.
pub async fn planned(crew: &Crew, deployment: &Deployment, phase: Phase) -> Answer<Plan> {
    let upgrade = crew.journal.upgrade().clone();
    let observation = observe(&crew.world, &*crew.clock, deployment, &upgrade).await?;
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    Ok(plan(inputs, phase, Order::Overlapped).expect("the phase can start"))
}
