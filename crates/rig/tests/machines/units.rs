//! What programs leave behind is found wherever systemd runs supervisor; where that is not known, it is not said to be nothing.

use cutover_core::deployment::PastStopLimit;
use cutover_engine::phase::Ending;
use cutover_rig::Host;

use crate::services::{furnished, processes};
use crate::stage::{Stage, confirm, stop, within};

/// Its child leaves its group, its session and its environment.
const LEAVES: &str = "[program:lms]\ncommand=/bin/sh -c 'env -i setsid sleep 1005 & exec sleep 1001'\n";

#[tokio::test]
async fn what_is_left_is_found_where_neither_the_unit_nor_the_process_is_called_like_supervisor() {
    let (_machines, host) = furnished(LEAVES);
    host.furnish(
        "systemctl stop supervisor\n\
         sed 's|/usr/bin/supervisord|/usr/bin/edx-services|' /lib/systemd/system/supervisor.service \
         >/etc/systemd/system/edx-services.service\n\
         mv /usr/bin/supervisord /usr/bin/edx-services\n\
         systemctl daemon-reload\n\
         systemctl start edx-services\n\
         while ! supervisorctl status lms | grep -q RUNNING; do sleep 0.2; done",
    );
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![within(20, stop(&["lms"], 5, PastStopLimit::Abort))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("sleep 1005"), "{error}");
    assert_eq!(processes(&host, "^sleep 1001"), 0);
}

#[tokio::test]
async fn a_host_whose_supervisor_was_started_by_hand_is_not_said_to_have_stopped() {
    let (_machines, host) = furnished(LEAVES);
    host.furnish(
        "systemctl stop supervisor\n\
         systemd-run --quiet --scope --unit=by-hand /usr/bin/supervisord -c /etc/supervisor/supervisord.conf\n\
         while ! supervisorctl status lms | grep -q RUNNING; do sleep 0.2; done\n\
         supervisorctl stop lms",
    );
    assert_ne!(processes(&host, "^sleep 1005"), 0);
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![within(20, confirm(&["lms"]))]).await, Ending::Failed(vec!["confirm".into()]));
    let error = stage.error_of("confirm").await;
    assert!(error.contains("supervisor does not run in a systemd unit of its own"), "{error}");
}
