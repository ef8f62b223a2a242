//! Large deployments: the forecast of a plan agrees with its rehearsal, and sizes and times stay within limits.

use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::{Deployment, parse};
use cutover_core::journal::{critical_path, window_length};
use cutover_core::plan::{Order, Phase, WindowForecast};
use cutover_core::time::Span;
use cutover_rehearsal::{RehearsalEnding, Rehearsed, rehearse};

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
