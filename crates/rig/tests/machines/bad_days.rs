//! Services that are stopped on a bad day: each ends with a clear statement, nothing is lost, and there is a way on.

use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Step};
use cutover_engine::phase::Ending;
use cutover_rig::Host;

use crate::services::{FURNITURE, PROGRAMS, furnished, processes, status};
use crate::stage::{Stage, stop, within};

const STOPPED: &str = "celery:worker STOPPED\ncms STOPPED\nlms STOPPED";

/// It says when it is told to stop, and takes some seconds.
fn slow() -> String {
    FURNITURE
        .replace("exec sleep 1001", "trap \"echo told >>/root/told; sleep 4; exit\" TERM; while :; do sleep 0.2; done")
}

#[tokio::test]
async fn a_cable_that_is_pulled_during_a_stop_is_waited_for_and_nothing_is_told_twice() {
    let (_machines, host) = furnished(&slow());
    let stage = Stage::on(&host);
    let accident = async {
        while host.run("cat /root/told").stdout.is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        host.unplug();
        // Longer than a silent host takes to be noticed.
        tokio::time::sleep(Duration::from_secs(20)).await;
        host.plug_in();
    };
    let (ending, ()) = tokio::join!(stage.conduct(vec![stop(PROGRAMS, 60, PastStopLimit::Abort)]), accident);
    assert_eq!(ending, Ending::Finished);
    assert_eq!((status(&host).as_str(), host.furnish("cat /root/told").as_str()), (STOPPED, "told"));
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_stopped_by_halves() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::on(&host);
    host.fill_disk();
    let ending = stage.conduct(vec![within(20, stop(PROGRAMS, 15, PastStopLimit::Abort))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("the disk of /var/lib/cutover is full"), "{error}");
    assert_eq!(status(&host), STOPPED.replace("STOPPED", "RUNNING"));
    host.empty_disk();
    assert_eq!(stage.resume().await, Ending::Finished);
    assert_eq!(status(&host), STOPPED);
}

#[tokio::test]
async fn a_supervisor_that_hangs_past_the_limit_is_named_and_the_stop_goes_on_once_it_answers() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::on(&host);
    host.furnish("pkill -STOP -x supervisord");
    let ending = stage.conduct(vec![within(25, stop(PROGRAMS, 20, PastStopLimit::Abort))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("supervisor") && error.contains("edx-1"), "{error}");
    assert_eq!(processes(&host, "^sleep 100"), 4, "everything still runs");
    host.furnish("pkill -CONT -x supervisord");
    assert_eq!(stage.resume().await, Ending::Finished);
    assert_eq!(status(&host), STOPPED);
}

/// A worker that ends when its task does, and a command that names the task as `celery inspect active --json` does.
const WITH_TASK: &str =
    "[program:worker]\ncommand=/bin/sh -c 'trap : TERM; sleep 1009 & wait; wait'\nstopwaitsecs=36000\n";
const INSPECT: &str = "cat >/root/inspect <<'END'\n#!/bin/sh\n\
    task='{\"celery@%s\": [{\"id\": \"8f0c\", \"name\": \"grades\", \"worker_pid\": %s}]}'\n\
    printf \"$task\" \"$(uname -n)\" \"$(pgrep -f '^sleep 1009')\"\n\
    END\nchmod 755 /root/inspect";

fn stop_of_worker(past_limit: PastStopLimit) -> Step {
    let mut step = stop(&["worker"], 4, past_limit);
    if let Action::StopServices(stop) = &mut step.action {
        stop.running_tasks = ["/root/inspect", "inspect", "active", "--json"].map(str::to_owned).to_vec();
    }
    step
}

#[tokio::test]
async fn a_task_of_hours_is_named_and_left_alone_and_the_stop_goes_on_once_it_has_ended() {
    let (_machines, host) = furnished(WITH_TASK);
    host.furnish(INSPECT);
    let stage = Stage::on(&host);
    let ending = stage.conduct(vec![stop_of_worker(PastStopLimit::Abort)]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.starts_with("still running on edx-1"), "{error}");
    assert!(error.contains("grades (8f0c)"), "it names the task: {error}");
    assert_eq!(processes(&host, "^sleep 1009"), 1, "the task goes on");
    host.furnish("pkill -f '^sleep 1009'");
    assert_eq!(stage.resume().await, Ending::Finished);
    assert_eq!(status(&host), "worker STOPPED");
}

#[tokio::test]
async fn a_task_of_hours_is_waited_for_beyond_the_limit_if_the_file_says_so() {
    let (_machines, host) = furnished(WITH_TASK);
    host.furnish(INSPECT);
    let stage = Stage::on(&host);
    let end_of_task = async {
        while status(&host) != "worker STOPPING" {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(status(&host), "worker STOPPING", "it is past its limit");
        host.furnish("pkill -f '^sleep 1009'");
    };
    let wait = Step { limit: Duration::from_secs(120), ..stop_of_worker(PastStopLimit::Wait) };
    let (ending, ()) = tokio::join!(stage.conduct(vec![wait]), end_of_task);
    assert_eq!(ending, Ending::Finished);
    let tasks = |fact: &Fact| matches!(fact, Fact::RunningTasks { tasks, .. } if tasks[0].name == "grades");
    assert!(stage.facts().await.iter().any(tasks), "the journal says what it was doing");
}
