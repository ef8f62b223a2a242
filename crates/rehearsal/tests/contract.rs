//! Checks that the embedded cloud fulfils the contracts of the engine's ports in simulated time, with a test and a
//! world for each.

use std::rc::Rc;
use std::time::Duration;

use cutover_contract::{CONTRACTS, HostContract, HostStage, Stage, deployment, each_contract, gate};
use cutover_core::observation::SHOWN_WITHIN;
use cutover_core::time::{Span, earlier};
use cutover_engine::ports::Clock;
use cutover_rehearsal::{EmbeddedCloud, SimulatedClock, run};

/// It is fulfilled both if writes are visible immediately and if they are visible as late as allowed.
fn is_kept(name: &str) {
    for shown_late in [Duration::ZERO, SHOWN_WITHIN] {
        is_kept_where(name, shown_late);
    }
}

/// A separate world, two days before the window. It has no resources of others, so their ids are unknown there.
fn is_kept_where(name: &str, shown_late: Duration) {
    let contract = CONTRACTS.iter().find(|contract| contract.name == name).expect("a contract of that name");
    let mut deployment = deployment();
    deployment.embedded.shown_late = Span::seconds(shown_late.as_secs());
    let start = earlier(deployment.window.start.timestamp, Duration::from_secs(2 * 86_400));
    let clock = SimulatedClock::new(start);
    let state = EmbeddedCloud::furnish(&deployment, 1, start);
    let cloud = EmbeddedCloud::in_memory(state, Rc::clone(&clock) as Rc<dyn Clock>);
    let (world, wall) = (cloud.world(), Rc::clone(&clock) as Rc<dyn Clock>);
    let stage = Stage {
        gate: gate(&world, &wall, &deployment),
        world,
        clock: wall,
        deployment,
        foreign_instances: vec!["i-0f000000000000000".into()],
        foreign_images: vec!["ami-0f000000000000000".into()],
        interval: Duration::from_secs(5),
        patience: Duration::from_secs(2 * 3600),
    };
    if let Err(broken) = run(&clock, (contract.run)(&stage)) {
        panic!("{name}, shown {shown_late:?} late: {broken}");
    }
}

macro_rules! tests {
    ($($port:ident: $($name:ident),+;)+) => {
        $(mod $port {
            $(#[test]
            fn $name() {
                super::is_kept(concat!(stringify!($port), "::", stringify!($name)));
            })+
        })+
    };
}
each_contract!(tests);

/// On a current host of a world of its own.
fn is_kept_by_a_host(name: &str) {
    let deployment = deployment();
    let clock = SimulatedClock::new(deployment.window.start.timestamp);
    let state = EmbeddedCloud::furnish(&deployment, 1, clock.now());
    let cloud = EmbeddedCloud::in_memory(state, Rc::clone(&clock) as Rc<dyn Clock>);
    let world = cloud.world();
    let host = run(&clock, world.compute.instances()).expect("listed")[0].id.clone();
    let restarted = host.clone();
    let stage = HostStage {
        hosts: world.hosts,
        host,
        clock: Rc::clone(&clock) as Rc<dyn Clock>,
        restart: Box::new(move || {
            cloud.restart_host(&restarted).expect("restarted");
            Box::pin(std::future::ready(()))
        }),
        interval: Duration::from_secs(1),
        patience: Duration::from_secs(600),
    };
    if let Err(broken) = run(&clock, (HostContract::named(name).run)(&stage)) {
        panic!("{name}: {broken}");
    }
}

mod hosts {
    use cutover_contract::host_contract_tests;

    use super::is_kept_by_a_host;

    host_contract_tests!(is_kept_by_a_host);
}
