//! The port over SSH keeps the contracts of hosts on machines that boot, where jobs are units of systemd.

use std::rc::Rc;

use cutover_contract::{HostContract, HostStage, host_contract_tests};
use cutover_rig::Machines;
use futures_util::FutureExt;

use super::support::{Conductor, INTERVAL, Impatient, PATIENCE};

async fn is_kept(name: &str) {
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
    if let Err(broken) = (HostContract::named(name).run)(&stage).await {
        panic!("{name}: {broken}");
    }
}

host_contract_tests!(async is_kept);
