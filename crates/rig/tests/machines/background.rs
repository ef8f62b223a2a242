//! Jobs of cron that went to the background, of which neither their parents nor their commands say to which file they belong.

use cutover_contract::step;
use cutover_core::plan::{Action, HeldItems};
use cutover_engine::phase::Ending;
use cutover_rig::{Host, Machines};

use crate::services::processes;
use crate::stage::{Stage, host};

#[tokio::test]
async fn a_job_that_went_to_the_background_is_waited_for_and_one_of_another_file_is_not() {
    let machines = Machines::new();
    let machine = machines.boot();
    // cron starts them now, and not at the next minute.
    machine.furnish(
        "printf '#!/bin/sh\\nsetsid sleep 8.25 >/dev/null 2>&1 &\\n' >/root/nightly\n\
         chmod +x /root/nightly\n\
         echo '@reboot root /root/nightly' >/etc/cron.d/edxapp\n\
         echo '@reboot root setsid tail -f /dev/null &' >/etc/cron.d/other\n\
         rm -f /run/crond.reboot; systemctl restart cron\n\
         until pgrep -f '^sleep 8.25' && pgrep -f '^tail -f /dev/null'; do sleep 0.2; done",
    );
    let items = HeldItems { host: host(), items: vec!["/etc/cron.d/edxapp".to_owned()] };
    let stage = Stage::on(&machine);
    assert_eq!(stage.conduct(vec![step("hold", Action::HoldBack(items))]).await, Ending::Finished);
    assert_eq!(processes(&machine, "^sleep 8.25"), 0, "it has done its work");
    assert_eq!(processes(&machine, "^tail -f /dev/null"), 1);
}
