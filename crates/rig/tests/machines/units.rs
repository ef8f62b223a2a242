//! What programs leave behind is found wherever systemd runs supervisor; where that is not known, it is not said to be nothing.

use cutover_core::deployment::PastStopLimit;
use cutover_engine::phase::Ending;
use cutover_rig::{Debian, Host};

use crate::services::{furnished, processes};
use crate::stage::{Stage, confirm, stop, within};

/// Its child leaves its group, its session and its environment.
const LEAVES: &str = "[program:lms]\ncommand=/bin/sh -c 'env -i setsid sleep 1005 & exec sleep 1001'\n";

/// It runs in a scope of its own, with an environment of its own, and leaves something there that has left its session.
const LEAVES_IN_SCOPE: &str = "[program:lms]\n\
     command=systemd-run --quiet --scope env -i /bin/sh -c 'setsid sleep 1005 & exec sleep 1001'\n";

#[tokio::test]
async fn what_is_left_outside_of_supervisors_unit_is_found_by_what_was_seen_before_the_stop() {
    let (_machines, host) = furnished(LEAVES_IN_SCOPE);
    // supervisor takes it for running before systemd has made the scope.
    host.furnish("while ! pgrep -f '^sleep 1001' || ! pgrep -f '^sleep 1005'; do sleep 0.1; done");
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![within(20, stop(&["lms"], 5, PastStopLimit::Abort))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    // In its first second, supervisor does not tell which process the program has.
    assert!(error.contains("(`sleep`)"), "{error}");
    assert_eq!((processes(&host, "^sleep 1001"), processes(&host, "^sleep 1005")), (0, 1));
}

/// Starts a process that gets the process id in `$pid`, as it may happen by itself once the kernel has used up all numbers.
const REUSE: &str = "mount -t proc proc /mnt\n\
     while :; do\n\
         echo $((pid - 1)) >/mnt/sys/kernel/ns_last_pid\n\
         setsid sleep 1011 >/dev/null 2>&1 &\n\
         [ $! = \"$pid\" ] && exit\n\
         kill $!\n\
     done";

#[tokio::test]
async fn a_strangers_process_that_got_the_process_id_of_a_program_is_not_killed() {
    let (_machines, host) = furnished(
        "[program:cms]\ncommand=/bin/sh -c 'exec sleep 1002'\n\
         [program:lms]\ncommand=/bin/sh -c 'setsid sleep 1005 & exec sleep 1001'\n",
    );
    let pid = host.furnish("until pgrep -f '^sleep 1005'; do sleep 0.1; done >/dev/null; supervisorctl pid cms");
    let stage = Stage::on(&host);
    let reuse = async {
        // What lms has left is killed later.
        while processes(&host, "^sleep 100[12]") > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        host.furnish(&format!("pid={pid}\n{REUSE}"));
    };
    let (ending, ()) = tokio::join!(stage.conduct(vec![stop(&["cms", "lms"], 10, PastStopLimit::Kill)]), reuse);
    assert_eq!(ending, Ending::Finished);
    assert_eq!(processes(&host, "^sleep 1005"), 0);
    assert_eq!(host.furnish("pgrep -f '^sleep 1011'"), pid, "the stranger's process goes on");
}

/// Neither the unit nor the process is called like supervisor any more.
const AS_EDX_SERVICES: &str = "systemctl stop supervisor\n\
     sed 's|/usr/bin/supervisord|/usr/bin/edx-services|' /lib/systemd/system/supervisor.service \
     >/etc/systemd/system/edx-services.service\n\
     mv /usr/bin/supervisord /usr/bin/edx-services\n\
     systemctl daemon-reload\n\
     systemctl start edx-services\n\
     while ! supervisorctl status lms | grep -q RUNNING; do sleep 0.2; done";

#[tokio::test]
async fn what_is_left_is_found_where_neither_the_unit_nor_the_process_is_called_like_supervisor() {
    let (_machines, host) = furnished(LEAVES);
    host.furnish(AS_EDX_SERVICES);
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![within(20, stop(&["lms"], 5, PastStopLimit::Abort))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("(`sleep`)"), "{error}");
    assert_eq!(processes(&host, "^sleep 1001"), 0);
}

/// Lets `supervisorctl pid` hang, once or always.
fn hangs(host: &Debian, condition: &str) {
    host.furnish(&format!(
        "mv /usr/bin/supervisorctl /usr/bin/supervisorctl.real\n\
         cat >/usr/bin/supervisorctl <<'@end'\n#!/bin/sh\n\
         if [ \"$*\" = pid ] && {condition}; then sleep 7; fi\nexec /usr/bin/supervisorctl.real \"$@\"\n@end\n\
         chmod +x /usr/bin/supervisorctl"
    ));
}

#[tokio::test]
async fn what_is_left_is_found_in_a_unit_of_another_name_although_supervisor_does_not_say_where_it_runs() {
    let (_machines, host) = furnished(LEAVES);
    host.furnish(
        "systemctl stop supervisor\n\
         cp /lib/systemd/system/supervisor.service /etc/systemd/system/edx-services.service\n\
         systemctl daemon-reload\n\
         systemctl start edx-services\n\
         while ! supervisorctl status lms | grep -q RUNNING; do sleep 0.2; done",
    );
    hangs(&host, "true");
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![within(40, stop(&["lms"], 5, PastStopLimit::Abort))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("(`sleep`)"), "{error}");
}

#[tokio::test]
async fn a_supervisor_that_once_does_not_say_where_it_runs_is_asked_again() {
    let (_machines, host) = furnished("[program:lms]\ncommand=sleep 1001\n");
    host.furnish(AS_EDX_SERVICES);
    hangs(&host, "[ ! -e /root/once ] && touch /root/once");
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![stop(&["lms"], 20, PastStopLimit::Abort)]).await, Ending::Finished);
    assert_eq!((processes(&host, "^sleep 1001"), host.furnish("ls /root/once").as_str()), (0, "/root/once"));
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

#[tokio::test]
async fn what_a_program_runs_in_a_process_namespace_of_its_own_is_no_container_and_is_killed() {
    let (_machines, host) = furnished(
        "[program:lms]\ncommand=/bin/sh -c 'unshare --pid --fork --kill-child=CONT sh -c \"trap : TERM; exec setsid sleep 1005\" & \
         exec sleep 1001'\n",
    );
    let stage = Stage::on(&host);
    assert_eq!(
        stage.conduct(vec![within(20, stop(&["lms"], 5, PastStopLimit::Abort))]).await,
        Ending::Failed(vec!["stop".into()])
    );
    assert_eq!((processes(&host, "^sleep 1001"), processes(&host, "^sleep 1005")), (0, 1));
    assert!(stage.error_of("stop").await.contains("of lms (`sleep`)"), "{}", stage.error_of("stop").await);
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![within(60, stop(&["lms"], 5, PastStopLimit::Kill))]).await, Ending::Finished);
    assert_eq!(processes(&host, "^sleep 1005"), 0);
}

/// Its main thread ends, and another one goes on writing.
const WRITES: &str = "cat >/root/writes.py <<'@end'\n\
     import ctypes, threading, time\n\
     def write():\n    while True:\n        open('/root/wrote', 'a').write('x')\n        time.sleep(1)\n\
     threading.Thread(target=write).start()\n\
     ctypes.CDLL(None).pthread_exit(None)\n\
     @end\n\
     supervisorctl restart lms\n\
     while ! [ -e /root/wrote ]; do sleep 0.2; done";

#[tokio::test]
async fn a_process_whose_main_thread_has_ended_and_whose_others_go_on_is_no_stopped_service() {
    let (_machines, host) =
        furnished("[program:lms]\ncommand=/bin/sh -c 'setsid python3 /root/writes.py & exec sleep 1001'\n");
    host.furnish(WRITES);
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![within(20, stop(&["lms"], 5, PastStopLimit::Abort))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    assert!(stage.error_of("stop").await.contains("(`[python3]`)"), "{}", stage.error_of("stop").await);
}
