//! Large deployments: the forecast of a plan agrees with its rehearsal, and sizes and times stay within limits.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::deployment::{Deployment, parse};
use cutover_core::journal::{Event, critical_path, window_length};
use cutover_core::names::StepId;
use cutover_core::plan::{Order, Phase, WindowForecast, Work};
use cutover_core::progress::Progress;
use cutover_core::time::{Span, between, earlier};
use cutover_engine::journal::Listener;
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;
use cutover_rehearsal::{
    EmbeddedCloud, Fault, FaultKind, RehearsalEnding, Rehearsed, SimulatedClock, conduct, rehearse, run,
};

const PRODUCTION: &str = include_str!("../../../examples/mitx-production.toml");
const QA: &str = include_str!("../../../examples/mitx-qa.toml");

fn rehearsed(deployment: &Deployment) -> Rehearsed {
    let rehearsed = rehearse(deployment, 1, Order::Overlapped, |_| {}, Rc::new(|_| {})).expect("the rehearsal works");
    assert_eq!(rehearsed.ending, RehearsalEnding::Completed);
    assert_eq!((rehearsed.violations.as_slice(), rehearsed.visitors.error), ([].as_slice(), 0));
    rehearsed
}

#[test]
fn the_forecast_of_a_thousand_hosts_is_what_their_rehearsal_needs() {
    let mut deployment = parse(PRODUCTION).expect("the example has no mistakes");
    for (fleet, part) in deployment.fleets.iter_mut().zip([600, 200]) {
        fleet.edxapp.count = part;
        fleet.worker.as_mut().expect("both have workers").count = 100;
    }
    let upgrade = rehearsed(&deployment).upgrade;
    let run = upgrade.run_of(Phase::Window).expect("the window was run");
    let length = window_length(run).expect("it came to its end").as_secs_f64();
    let window = &deployment.window;
    let forecast = WindowForecast::of(&run.plan, window.start.timestamp, window.ends().timestamp);
    let expected = forecast.expected.as_secs_f64();
    assert!((length / expected - 1.0).abs() < 0.03, "{length} s instead of {expected} s");
    let critical = critical_path(run).length.as_secs_f64();
    assert!(length / critical < 1.02, "{length} s instead of {critical} s");
}

#[test]
fn a_migration_of_a_thousand_days_does_not_hang_its_rehearsal() {
    let mut deployment = parse(QA).expect("the example has no mistakes");
    let days = |days: u64| Span::seconds(days * 86_400);
    let last = deployment.migrations.last_mut().expect("there are migrations");
    (last.expected, last.limit) = (days(1000), days(2000));
    let upgrade = rehearsed(&deployment).upgrade;
    let run = upgrade.run_of(Phase::Window).expect("the window was run");
    assert!(window_length(run).expect("it came to its end") > Duration::from_secs(800 * 86_400));
}

/// Whether this step stops the services of an edxapp host.
fn stops_edxapp(step: &StepId) -> bool {
    step.as_str().starts_with("window.stop.edx-mitx")
}

/// How many calls for the states of programs were made so far.
fn programs(cloud: &EmbeddedCloud) -> u32 {
    cloud.calls().get("programs").copied().unwrap_or_default()
}

/// Rehearses with hosts that refuse these calls for the states of their programs. Returns how many such calls were made
/// before the first edxapp host was looked at to stop it, and when each host's services began to stop.
fn stops(deployment: &Deployment, refused: std::ops::Range<u32>) -> (u32, Vec<Timestamp>) {
    let start = earlier(deployment.window.start.timestamp, Duration::from_secs(5 * 86_400));
    let clock = SimulatedClock::new(start);
    let mut world = EmbeddedCloud::furnish(deployment, 1, start);
    let fault = |nth| Fault::Call { call: "programs".to_owned(), nth, kind: FaultKind::NotApplied };
    // Calls are counted only while there is a fault.
    world.faults = refused.chain([u32::MAX]).map(fault).collect();
    let cloud = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>);
    let before = Rc::new(Cell::new(0));
    let begun = Rc::new(Cell::new(false));
    let listener: Listener = {
        let (cloud, before) = (Rc::clone(&cloud), Rc::clone(&before));
        Rc::new(move |progress| match progress {
            Progress::Recorded { event: Event::StepStarted { step, .. }, .. } if stops_edxapp(step) => begun.set(true),
            Progress::Recorded { event: Event::StepDone { .. }, .. } if !begun.get() => before.set(programs(&cloud)),
            _ => {}
        })
    };
    let store = Store::memory(&deployment.upgrade());
    let conducted = conduct(deployment, Order::Overlapped, &cloud, Rc::clone(&clock) as _, &store, listener);
    let rehearsed = run(&clock, conducted).expect("the rehearsal works");
    assert_eq!(rehearsed.ending, RehearsalEnding::Completed);
    let window = rehearsed.upgrade.run_of(Phase::Window).expect("the window was run");
    let stops = window.runs().filter(|(step, _)| stops_edxapp(&step.id));
    let mut begins: Vec<Timestamp> = stops.filter_map(|(_, run)| run.started_at).collect();
    begins.sort_unstable();
    (before.get(), begins)
}

#[test]
fn a_step_that_waits_for_another_attempt_makes_room_for_the_next() {
    let mut deployment = parse(QA).expect("the example has no mistakes");
    let limit = u32::try_from(Work::Connections.side_by_side().expect("a limit")).expect("a number");
    let group = &mut deployment.fleets[0].edxapp;
    (group.count, group.current_count) = (2 * limit, Some(2 * limit));
    let (before, undisturbed) = stops(&deployment, 0..0);
    let (_, begins) = stops(&deployment, before + 1..before + 1 + limit);
    // A refused call is repeated after a second at the earliest.
    let later = between(undisturbed[0], begins[0]);
    assert!(later < Duration::from_millis(500), "{before} calls before, then the first host began {later:?} later");
}
