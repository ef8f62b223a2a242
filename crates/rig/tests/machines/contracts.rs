//! The port over SSH keeps the contracts of hosts on machines that boot, where jobs are units of systemd.

use std::rc::Rc;

use cutover_contract::{HOST_CONTRACTS, HostStage, each_host_contract};
use cutover_rig::Machines;
use futures_util::FutureExt;

use super::support::{Conductor, INTERVAL, Impatient, PATIENCE};

async fn is_kept(name: &str) {
    let contract = HOST_CONTRACTS.iter().find(|contract| contract.name == name).expect("a contract of that name");
    let machines = Machines::new();
    let machine = Rc::new(machines.boot());
    let conductor = Conductor::of(&machine);
    let restarted = Rc::clone(&machine);
    let stage = HostStage {
        hosts: conductor.port,
        host: conductor.host,
        clock: Rc::new(Impatient),
        restart: Box::new(move || {
            restarted.reboot();
            std::future::ready(()).boxed_local()
        }),
        interval: INTERVAL,
        patience: PATIENCE,
    };
    if let Err(broken) = (contract.run)(&stage).await {
        panic!("{name}: {broken}");
    }
}

macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $name() {
            is_kept(stringify!($name)).await;
        })+
    };
}
each_host_contract!(tests);
