//! Real celery under supervisor, with its queues in folders of the host: what its workers run is named while they end it, and
//! what they have taken and not begun is in the queues again once they have stopped, and is counted.

use std::path::PathBuf;

use cutover_contract::step;
use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::Fact;
use cutover_core::plan::{Action, CountTasks, Step};
use cutover_engine::phase::Ending;
use cutover_rig::{Debian, Host, Machines};

use crate::services::{processes, status};
use crate::stage::{Stage, host, stop, within};
use crate::support::{INTERVAL, PATIENCE};

/// A task that ends once a file is there.
const APP: &str = "mkdir -p /root/edx /root/broker/queues /root/broker/control
cat >/root/edx/tasks.py <<'@end'
import os, time
from celery import Celery
app = Celery('edx', broker='filesystem://')
queues, control = '/root/broker/queues', '/root/broker/control'
folders = {'data_folder_in': queues, 'data_folder_out': queues, 'control_folder': control}
app.conf.broker_transport_options = {'polling_interval': 0.1, **folders}
@app.task(name='grades')
def grades():
    open('/root/begun', 'a').write('grades\\n')
    while not os.path.exists('/root/end'):
        time.sleep(0.1)
    open('/root/ended', 'a').write('grades\\n')
@end
cat >/root/celery <<'@end'
#!/bin/sh
export PYTHONPATH=/opt/celery C_FORCE_ROOT=1
exec python3 -m celery --workdir /root/edx -A tasks \"$@\"
@end
chmod 755 /root/celery";

const PROGRAM: &str = "[program:worker]\ncommand=/root/celery worker --concurrency 1 --without-gossip --without-mingle\n\
                       stopwaitsecs=36000\nkillasgroup=true\n";

/// How many tasks wait in the queues. Those that a worker has taken are in no file.
const COUNT: &str = "ls /root/broker/queues | wc -l";

/// A host whose worker runs a task of hours, and has taken another one that it will begin in an hour.
async fn busy() -> (Machines, Debian) {
    let packages = std::env::var_os("CUTOVER_CELERY").map(PathBuf::from);
    let packages = packages.expect("run the tests with `cargo xtask test`, or set CUTOVER_CELERY to celery's packages");
    let machines = Machines::new();
    let host = machines.boot();
    host.receives(&packages, "/opt/celery");
    host.furnish(APP);
    host.furnish("/root/celery call grades; /root/celery call grades --countdown 3600");
    host.has_programs(PROGRAM);
    until(|| host.run("cat /root/begun").stdout == "grades" && host.furnish(COUNT) == "0").await;
    (machines, host)
}

async fn until(is_so: impl Fn() -> bool) {
    let waits = async {
        while !is_so() {
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.expect("it comes to that in the end");
}

fn stop_worker(limit: u64, past_limit: PastStopLimit) -> Step {
    let mut step = stop(&["worker"], limit, past_limit);
    if let Action::StopServices(stop) = &mut step.action {
        stop.running_tasks =
            ["/root/celery", "inspect", "active", "--json", "--timeout", "5"].map(str::to_owned).to_vec();
    }
    step
}

fn count() -> Step {
    let command = ["sh", "-c", COUNT].map(str::to_owned).to_vec();
    let count = Some(CountTasks { host: host(), command });
    within(20, step("count", Action::DrainQueues { fleet: "live".into(), count }))
}

#[tokio::test]
async fn a_worker_ends_its_task_and_what_it_had_taken_and_not_begun_is_counted() {
    let (_machines, host) = busy().await;
    let stage = Stage::on(&host);
    let steps = vec![stop_worker(4, PastStopLimit::Abort), count()];
    assert_eq!(stage.conduct(steps).await, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("worker; tasks that run there: grades ("), "{error}");
    assert_eq!(status(&host), "worker STOPPING");
    host.furnish("touch /root/end");
    assert_eq!(stage.resume().await, Ending::Failed(vec!["count".into()]));
    assert_eq!((status(&host).as_str(), host.furnish("cat /root/ended").as_str()), ("worker STOPPED", "grades"));
    let error = stage.error_of("count").await;
    assert!(error.starts_with("the queues of live hold 1 task"), "{error}");
    host.furnish("rm /root/broker/queues/*");
    assert_eq!(stage.resume().await, Ending::Finished);
}

#[tokio::test]
async fn a_worker_that_is_killed_is_gone_with_its_children_and_the_journal_names_its_task() {
    let (_machines, host) = busy().await;
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![stop_worker(4, PastStopLimit::Kill)]).await, Ending::Finished);
    assert_eq!((status(&host).as_str(), processes(&host, "celery worker")), ("worker STOPPED", 0));
    let killed = |fact: &Fact| matches!(fact, Fact::Killed { tasks, .. } if tasks.iter().any(|it| it.name == "grades"));
    let facts = stage.facts().await;
    assert!(facts.iter().any(killed), "{facts:?}");
}

#[tokio::test]
async fn a_worker_that_hangs_beside_one_that_answers_is_not_said_to_run_no_task() {
    let (_machines, host) = busy().await;
    // The one with the task hangs, and another one is idle.
    let idle = PROGRAM.replace("[program:worker]", "[program:idle]").replace("worker --", "worker -n idle@%%h --");
    host.has_programs(&(PROGRAM.to_owned() + &idle));
    let answers = "/root/celery inspect active --json --timeout 3";
    until(|| host.run(answers).stdout.contains("idle@")).await;
    host.furnish("kill -STOP $(supervisorctl pid worker)");
    let stage = Stage::on(&host);
    let mut step = stop_worker(4, PastStopLimit::Abort);
    if let Action::StopServices(stop) = &mut step.action {
        stop.programs = vec!["worker".into(), "idle".into()];
    }
    assert_eq!(stage.conduct(vec![step]).await, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    let words = "worker; which tasks run there is not known, the worker of 1 program did not answer celery";
    assert!(error.contains(words), "{error}");
}
