//! Services of a real host, stopped and started by a conductor, on good days and on bad ones.

use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::Fact;
use cutover_core::plan::Action;
use cutover_engine::phase::Ending;
use cutover_rig::{Debian, Host, Machines};

use crate::stage::{INSTANCE, Stage, confirm, start, stop, within};

/// The programs of a host that serves sites, as supervisor knows them. Each says its name in its command.
pub(crate) const PROGRAMS: &[&str] = &["lms", "cms", "celery:worker"];

/// A worker with a child, as celery has them.
pub(crate) const FURNITURE: &str = "[program:lms]\ncommand=/bin/sh -c 'exec sleep 1001'\n\
     [program:cms]\ncommand=/bin/sh -c 'exec sleep 1002'\n\
     [program:worker]\ncommand=/bin/sh -c 'sleep 1003 & exec sleep 1004'\nstopasgroup=true\nkillasgroup=true\n\
     [group:celery]\nprograms=worker\n";

pub(crate) fn furnished(programs: &str) -> (Machines, Debian) {
    let machines = Machines::new();
    let host = machines.boot();
    host.has_programs(programs);
    (machines, host)
}

/// How many processes of the host have this in their command line.
pub(crate) fn processes(host: &Debian, pattern: &str) -> usize {
    let counted = host.run(&format!("pgrep -fc -- '{pattern}'"));
    counted.stdout.trim().parse().unwrap_or_else(|_| panic!("they were not counted: {counted:?}"))
}

pub(crate) fn status(host: &Debian) -> String {
    host.run("supervisorctl status | awk '{ print $1, $2 }'").stdout
}

#[tokio::test]
async fn services_stop_stay_stopped_and_start_again() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::on(&host);
    let steps = vec![stop(PROGRAMS, 30, PastStopLimit::Abort), confirm(PROGRAMS)];
    assert_eq!(stage.conduct(steps).await, Ending::Finished);
    assert_eq!(status(&host), "celery:worker STOPPED\ncms STOPPED\nlms STOPPED");
    assert_eq!(processes(&host, "^sleep 100"), 0);
    assert_eq!(stage.conduct(vec![start(PROGRAMS)]).await, Ending::Finished);
    assert_eq!(status(&host), "celery:worker RUNNING\ncms RUNNING\nlms RUNNING");
    assert_eq!(processes(&host, "^sleep 100"), 4);
}

#[tokio::test]
async fn a_service_that_is_started_behind_our_back_is_stopped_again_and_mentioned() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![stop(PROGRAMS, 30, PastStopLimit::Abort)]).await, Ending::Finished);
    host.furnish("supervisorctl start lms");
    assert_eq!(stage.conduct(vec![confirm(PROGRAMS)]).await, Ending::Finished);
    assert_eq!(status(&host), "celery:worker STOPPED\ncms STOPPED\nlms STOPPED");
    let notes: Vec<String> = stage.facts().await.into_iter().filter_map(note).collect();
    assert!(notes.iter().any(|note| note.contains("lms was running again on edx-1")), "{notes:?}");
}

fn note(fact: Fact) -> Option<String> {
    if let Fact::Note { text } = fact { Some(text) } else { None }
}

#[tokio::test]
async fn the_command_that_is_printed_for_programs_that_do_not_stop_kills_these_and_not_the_shell_in_which_it_is_typed()
{
    let ignores =
        |until: &str| format!("command=/bin/sh -c 'trap \"\" TERM; {until}; do sleep 0.1; done'\nstopwaitsecs=3600\n");
    let (_machines, host) = furnished(&format!(
        "[program:cms]\n{}[program:lms]\n{}",
        ignores("until [ -e /root/enough ]"),
        ignores("while true")
    ));
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![stop(&["cms", "lms"], 3, PastStopLimit::Abort)]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    let kill = error.split('`').find(|part| part.starts_with("kill ")).expect("a command");
    // One has stopped by the time somebody types that.
    host.furnish("touch /root/enough; until supervisorctl status cms | grep -q STOPPED; do sleep 0.2; done");
    let typed = format!("cat >/root/typed <<'@end'\n{kill}\necho still here\n@end\nsetsid --wait sh /root/typed");
    assert_eq!(host.furnish(&typed), "still here");
    host.furnish("until supervisorctl status | grep -c STOPPED | grep -qx 2; do sleep 0.2; done");
    // And both.
    assert_eq!(host.furnish("setsid --wait sh /root/typed 2>/dev/null"), "still here");
}

/// A program that does not end when it is told to, with a child that has left its process group.
const STUBBORN: &str = "[program:lms]\ncommand=/bin/sh -c 'trap \"\" TERM; setsid sleep 1005 & while :; do sleep 1006; done'\n\
                        stopwaitsecs=3600\n";

#[tokio::test]
async fn a_program_that_does_not_stop_is_named_and_left_alone_if_the_file_says_so() {
    let (_machines, host) = furnished(STUBBORN);
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![stop(&["lms"], 3, PastStopLimit::Abort)]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("lms") && error.contains("edx-1") && error.contains("still run"), "{error}");
    assert_eq!(status(&host), "lms STOPPING");
    assert!(processes(&host, "^sleep 100[56]") > 0, "nothing was killed");
    // The way on: somebody ends it, and the phase is run again.
    host.furnish("pkill -KILL -f '[w]hile :'; pkill -KILL -f '^sleep 100'; true");
    assert_eq!(stage.resume().await, Ending::Finished);
    assert_eq!(status(&host), "lms STOPPED");
}

#[tokio::test]
async fn a_program_that_does_not_stop_is_killed_with_all_it_has_started_if_the_file_says_so() {
    let (_machines, host) = furnished(STUBBORN);
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![stop(&["lms"], 3, PastStopLimit::Kill)]).await, Ending::Finished);
    assert_eq!(status(&host), "lms STOPPED");
    assert_eq!(processes(&host, "^sleep 100[56]"), 0);
    let killed = |fact: &Fact| matches!(fact, Fact::Killed { programs, .. } if programs == &["lms".into()]);
    assert!(stage.facts().await.iter().any(killed), "the journal says what was killed");
}

#[tokio::test]
async fn a_child_that_outlives_its_program_is_no_stopped_service() {
    let (_machines, host) = furnished("[program:lms]\ncommand=/bin/sh -c 'setsid sleep 1007 & exec sleep 1008'\n");
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![stop(&["lms"], 3, PastStopLimit::Abort)]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("of lms (`sleep`)"), "it names the process that is left: {error}");
    assert_eq!(status(&host), "lms STOPPED");
}

#[tokio::test]
async fn what_has_outlived_its_program_and_shows_nothing_of_it_is_found_by_any_step_of_any_conductor() {
    // Its environment is empty, and it is no child of supervisor's.
    let (_machines, host) = furnished("[program:lms]\ncommand=/bin/sh -c 'env -i sleep 1009 & exec sleep 1010'\n");
    host.furnish("supervisorctl stop lms");
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![within(3, confirm(&["lms"]))]).await, Ending::Failed(vec!["confirm".into()]));
    let error = stage.error_of("confirm").await;
    assert!(error.contains("(`sleep`) on edx-1"), "it names the process that is left: {error}");
    // It may belong to a program outside of the file, so it is not killed either.
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![stop(&["lms"], 3, PastStopLimit::Kill)]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("(`sleep`) on edx-1: not killed"), "{error}");
    host.furnish("pkill -f '^sleep 1009'");
    assert_eq!(stage.resume().await, Ending::Finished);
}

#[tokio::test]
async fn a_program_that_supervisor_starts_again_whenever_it_ends_is_stopped_for_good() {
    let (_machines, host) = furnished(
        "[program:lms]\ncommand=/bin/sh -c 'echo begun >>/root/begun; exec sleep 1.5'\nstartsecs=1\nautorestart=true\n",
    );
    let stage = Stage::on(&host);
    let steps = vec![stop(&["lms"], 30, PastStopLimit::Abort), confirm(&["lms"])];
    assert_eq!(stage.conduct(steps).await, Ending::Finished);
    let begun = || host.furnish("wc -l </root/begun");
    let before = begun();
    // It was started again every two seconds.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((status(&host).as_str(), begun()), ("lms STOPPED", before));
}

#[tokio::test]
async fn what_was_stopped_for_good_stays_down_after_a_restart_of_its_host_whichever_file_names_it() {
    let (_machines, host) = furnished("[program:lms]\ncommand=sleep 100000\n");
    host.furnish(
        "printf '[include]\nfiles = /etc/supervisor/conf.d/*.conf\n  extra/*.ini\n' >/root/include\n\
         sed -i '/^\\[include\\]/,$d' /etc/supervisor/supervisord.conf\n\
         cat /root/include >>/etc/supervisor/supervisord.conf; mkdir /etc/supervisor/extra\n\
         printf '[program:cms]\nAutoStart: true\ncommand=sleep 100000\n' >/etc/supervisor/extra/cms.ini\n\
         systemctl restart supervisor; sleep 2",
    );
    let stage = Stage::on(&host);
    let mut stop = stop(&["cms", "lms"], 30, PastStopLimit::Abort);
    if let Action::StopServices(stop) = &mut stop.action {
        stop.for_good = true;
    }
    // Somebody has stopped one of them before.
    host.furnish("supervisorctl stop lms");
    assert_eq!(stage.conduct(vec![stop]).await, Ending::Finished);
    host.reboot();
    host.wait_until_up();
    host.furnish("until supervisorctl avail; do sleep 0.2; done; sleep 2");
    assert_eq!(status(&host), "cms STOPPED\nlms STOPPED");
    let mut start = start(&["cms", "lms"]);
    if let Action::StartServices(start) = &mut start.action {
        start.autostart = true;
    }
    assert_eq!(stage.conduct(vec![start]).await, Ending::Finished);
    assert_eq!(host.furnish("supervisorctl avail | grep -c auto").trim(), "2");
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_not_started() {
    let (_machines, host) = furnished("[program:lms]\ncommand=/bin/false\nautostart=false\nstartretries=2\n");
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![start(&["lms"])]).await, Ending::Failed(vec!["start".into()]));
    let error = stage.error_of("start").await;
    assert!(error.contains("lms on edx-1 could not be kept running"), "{error}");
}

#[tokio::test]
async fn a_program_that_supervisor_does_not_know_is_no_stopped_service() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![stop(&["lms", "forum"], 3, PastStopLimit::Abort)]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("forum"), "{error}");
    assert!(!status(&host).contains("lms STOP"), "nothing was stopped");
}

#[tokio::test]
async fn a_supervisor_that_hangs_is_waited_for() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::on(&host);
    host.furnish("pkill -STOP -x supervisord");
    let wake = async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        host.furnish("pkill -CONT -x supervisord");
    };
    let (ending, ()) = tokio::join!(stage.conduct(vec![stop(PROGRAMS, 60, PastStopLimit::Abort)]), wake);
    assert_eq!(ending, Ending::Finished);
    assert_eq!(status(&host), "celery:worker STOPPED\ncms STOPPED\nlms STOPPED");
}

#[tokio::test]
async fn a_host_that_reboots_while_it_stops_ends_stopped() {
    // It hears the signal, and goes on.
    let stubborn = FURNITURE.replace("exec sleep 1001", "trap : TERM; while :; do sleep 1; done");
    let (_machines, host) = furnished(&stubborn.replace("[program:cms]", "stopwaitsecs=8\n[program:cms]"));
    let stage = Stage::on(&host);
    let reboot = async {
        while !status(&host).contains("lms STOPPING") {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        host.reboot();
        host.wait_until_up();
    };
    let (ending, ()) = tokio::join!(stage.conduct(vec![stop(PROGRAMS, 60, PastStopLimit::Abort)]), reboot);
    if ending != Ending::Finished {
        panic!("{ending:?}: {}", stage.error_of("stop").await);
    }
    assert_eq!(ending, Ending::Finished);
    assert_eq!(status(&host), "celery:worker STOPPED\ncms STOPPED\nlms STOPPED");
    assert_eq!(processes(&host, "^sleep 100"), 0);
}

#[tokio::test]
async fn a_conductor_that_dies_while_services_stop_is_succeeded_and_nothing_is_done_twice() {
    let (_machines, host) = furnished(&FURNITURE.replace(
        "exec sleep 1001",
        "trap \"echo told >>/root/told; sleep 4; exit\" TERM; while :; do sleep 0.2; done",
    ));
    let stage = Stage::on(&host);
    let steps = vec![stop(PROGRAMS, 60, PastStopLimit::Abort), confirm(PROGRAMS)];
    // It is dropped in the middle, as SIGKILL would end it.
    let died = tokio::time::timeout(Duration::from_secs(3), stage.conduct(steps)).await;
    assert!(died.is_err(), "{died:?}");
    assert_eq!(stage.resume().await, Ending::Finished);
    assert_eq!(host.furnish("cat /root/told"), "told", "it was told to stop once");
    assert_eq!(status(&host), "celery:worker STOPPED\ncms STOPPED\nlms STOPPED");
}

#[tokio::test]
async fn a_host_that_restarts_is_waited_for_until_its_supervisor_runs() {
    let (_machines, host) = furnished(FURNITURE);
    host.furnish("supervisorctl stop all");
    host.furnish(
        "mkdir /etc/systemd/system/supervisor.service.d\n\
         printf '[Service]\nExecStartPre=sleep 30\n' >/etc/systemd/system/supervisor.service.d/late.conf",
    );
    host.reboot();
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![within(300, start(PROGRAMS))]).await;
    if ending != Ending::Finished {
        panic!("{ending:?}: {}", stage.error_of("start").await);
    }
    assert_eq!(status(&host), "celery:worker RUNNING\ncms RUNNING\nlms RUNNING");
}

#[tokio::test]
async fn a_host_that_is_down_is_named_and_the_phase_goes_on_once_it_is_back() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::on(&host);
    host.unplug();
    let ending = stage.conduct(vec![within(20, stop(PROGRAMS, 15, PastStopLimit::Abort))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("edx-1") || error.contains(INSTANCE.as_str()), "{error}");
    host.plug_in();
    assert_eq!(stage.resume().await, Ending::Finished);
    assert_eq!(status(&host), "celery:worker STOPPED\ncms STOPPED\nlms STOPPED");
}
