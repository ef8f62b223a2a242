//! Bad days of a job: it is never lost, never run twice, and never said to be something that it is not.

use cutover_core::names::JobName;
use cutover_engine::failure::FailureClass;
use cutover_hosts::command::{Ask, Command, RunAs};
use cutover_hosts::job::{Job, JobReport, JobStart, JobState, Request, Signal};
use cutover_rig::{Debian, Host, Machines};

use super::scopes::in_session;
use super::support::{Conductor, FOLDER, job, text};

#[tokio::test]
async fn a_job_whose_host_was_reset_died_with_it_and_can_be_run_again() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    let job = job("job", "echo one; sleep 1000");
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
    conductor
        .until(
            async || conductor.report(&job.name).await,
            |report| report.as_ref().is_some_and(|it| !it.output.is_empty()),
        )
        .await;
    host.reset();
    let report = conductor.ended(&job.name).await;
    assert_eq!((text(&report), report.state), ("one\n".to_owned(), JobState::HostRestarted));
    // It is not started again until somebody has seen that.
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Found));
    conductor.collect(&job.name).await.expect("collected");
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
}

#[tokio::test]
async fn a_command_that_says_it_has_succeeded_when_its_host_shuts_down_runs_until_then_and_has_died_with_it() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    // What ignores TERM keeps the host from going down.
    host.furnish("systemd-run --quiet --unit=slow --property=TimeoutStopSec=600 sh -c \"trap '' TERM; while :; do sleep 1; done\"");
    let job = job("job", "trap 'exit 0' TERM; echo begun; while :; do sleep 0.1; done");
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
    let has_begun = |report: &Option<JobReport>| report.as_ref().is_some_and(|it| !it.output.is_empty());
    conductor.until(async || conductor.report(&job.name).await, has_begun).await;
    host.furnish("systemctl reboot --no-block");
    host.furnish(&format!("while kill -0 $(cut -d' ' -f1 {FOLDER}/job/pids) 2>/dev/null; do sleep 0.1; done"));
    let report = conductor.report(&job.name).await.expect("an answer").expect("a job");
    assert_eq!(report.state, JobState::Running, "{report:?}");
    host.reset();
    assert_eq!(conductor.ended(&job.name).await.state, JobState::HostRestarted);
}

#[tokio::test]
async fn what_a_command_has_started_is_waited_for_although_a_signal_has_ended_the_command() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    // As a wrapper runs a migration: the wrapper ends at once, and the program in a session of its own needs its time.
    let program =
        "trap '' TERM; touch /root/begun; until [ -e /root/enough ]; do sleep 0.1; done; echo done >/root/done";
    let job = job("job", &format!("setsid /bin/sh -c \"{program}\" >/dev/null 2>&1 & wait"));
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
    while host.run("test -e /root/begun").exit != 0 {}
    assert_eq!(conductor.signal(&job.name, Signal::Term).await, Ok(true));
    let report = conductor
        .until(
            async || conductor.report(&job.name).await,
            |report| report.as_ref().is_some_and(|it| it.left.is_some() || it.state != JobState::Running),
        )
        .await;
    assert_eq!(report.map(|report| (report.state, report.left)), Some((JobState::Running, Some(143))));
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Found));
    host.furnish("touch /root/enough");
    let report = conductor.ended(&job.name).await;
    assert!(matches!(report.state, JobState::Ended { exit: 143, .. }), "{report:?}");
    assert_eq!(host.furnish("cat /root/done"), "done", "nobody has killed it");
}

/// A conductor and a job whose command is this, and has started a program that no TERM ends. logind has moved it to a session of its
/// own, with nothing in its environment, as `su -` does. `$program` in the command starts it. Returns its process id too.
async fn with_program_in_session(host: &Debian, name: &str, command: &str) -> (Conductor, JobName, u32) {
    let conductor = Conductor::of(host);
    let program = "trap '' TERM; echo $$ >/root/new; mv /root/new /root/pid; while :; do sleep 0.1; done";
    host.furnish(&format!("rm -f /root/pid; echo \"{}\" >/root/program", program.replace('$', "\\$")));
    let script = format!("program='setsid env -i /bin/sh /root/program'; {command}");
    let job = job(name, &script);
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
    let pid = host.furnish("until [ -e /root/pid ]; do sleep 0.1; done; cat /root/pid");
    in_session(host, &pid);
    host.furnish("touch /root/moved");
    (conductor, job.name, pid.parse().expect("a number"))
}

/// A program in the background whose parents have ended, and a command that goes on.
const ORPHAN: &str = "($program >/dev/null 2>&1 &); while :; do sleep 0.1; done";

#[tokio::test]
async fn what_a_command_has_started_is_its_jobs_in_whatever_session_and_however_the_command_has_ended() {
    let machines = Machines::new();
    let host = machines.boot();
    // Our signal, which the command may take for a reason to say that it has succeeded; somebody's, for the command alone; and the
    // end of the unit, or of the script.
    let ours = "";
    let says_zero = format!("trap 'exit 0' TERM; {ORPHAN}");
    for (name, command, ended_by, status) in [
        ("signal", ORPHAN, ours, Some(143)),
        ("trap", &says_zero, ours, Some(0)),
        ("kill", ORPHAN, "pkill -KILL -f '^/bin/sh -c program='", Some(137)),
        ("unit", ORPHAN, "systemctl stop cutover-job-unit", Some(143)),
        ("script", ORPHAN, "kill -KILL $(cut -d' ' -f1 /var/lib/cutover/script/pids)", None),
    ] {
        let (conductor, job, program) = with_program_in_session(&host, name, command).await;
        match ended_by {
            "" => assert_eq!(conductor.signal(&job, Signal::Term).await, Ok(true), "{name}"),
            command => drop(host.furnish(command)),
        }
        let is_left = |report: &Option<JobReport>| {
            report.as_ref().is_some_and(|it| it.state != JobState::Running || it.left == status)
        };
        let report = conductor.until(async || conductor.report(&job).await, is_left).await.expect("a job");
        assert_eq!((&report.state, report.left), (&JobState::Running, status), "{name}: {report:?}");
        assert!(status.is_none() || report.go_on.contains(&program), "{name}: {report:?}");
        assert_eq!(conductor.start(&super::support::job(name, command)).await, Ok(JobStart::Found), "{name}");
        assert_eq!(conductor.signal(&job, Signal::Kill).await, Ok(true), "{name}");
        let report = conductor.ended(&job).await;
        match &report.state {
            JobState::Ended { exit, .. } => assert_eq!(Some(*exit), status, "{name}"),
            state => assert_eq!((state, ["unit", "script"].contains(&name)), (&JobState::Vanished, true), "{name}"),
        }
        assert_ne!(host.run(&format!("kill -0 {program}")).exit, 0, "{name}");
    }
}

/// A program that no TERM ends, and that says that it has begun.
const STUBBORN: &str = "trap '' TERM; touch /root/begun; while :; do sleep 0.1; done";

#[tokio::test]
async fn what_is_in_the_unit_is_its_jobs_although_it_has_left_the_namespace_and_the_session() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    host.furnish(&format!("echo \"{STUBBORN}\" >/root/program"));
    let has_ended = |report: &Option<JobReport>| {
        report.as_ref().is_some_and(|it| it.left.is_some() || it.state != JobState::Running)
    };
    for (name, leave, namespaces) in [("apart", "unshare --uts", true), ("session", "setsid", false)] {
        if !namespaces {
            host.furnish("printf '#!/bin/sh\nexit 1\n' >/usr/local/sbin/unshare; chmod +x /usr/local/sbin/unshare");
        }
        host.furnish("rm -f /root/begun");
        let job = job(name, &format!("{leave} /bin/sh /root/program; echo"));
        assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
        while host.run("test -e /root/begun").exit != 0 {}
        assert_eq!(conductor.signal(&job.name, Signal::Term).await, Ok(true));
        let report = conductor.until(async || conductor.report(&job.name).await, has_ended).await.expect("a job");
        assert_eq!((&report.state, report.left), (&JobState::Running, Some(143)), "{name}: {report:?}");
        assert!(!report.go_on.is_empty(), "{name}: {report:?}");
        assert_eq!(conductor.signal(&job.name, Signal::Kill).await, Ok(true), "{name}");
        let report = conductor.ended(&job.name).await;
        assert!(matches!(report.state, JobState::Ended { exit: 143, .. }), "{name}: {report:?}");
        assert_ne!(host.run("pgrep -f '^/bin/sh /root/program'").exit, 0, "{name}");
    }
}

#[tokio::test]
async fn a_job_whose_unit_is_stopped_while_it_begins_does_not_hang() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    for number in 0..5 {
        let name = format!("job-{number}");
        // A little later each time.
        host.furnish(&format!(
            "systemd-run --quiet sh -c 'until [ -e {FOLDER}/{name}/ran ]; do :; done; sleep 0.0$((2 * {number})); \
             systemctl stop cutover-job-{name}'"
        ));
        let job = job(&name, "sleep 1000");
        assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
        let report = conductor.ended(&job.name).await;
        assert!(!report.has_succeeded(), "{number}: {report:?}");
    }
}

/// Its main thread ends, and another one, which no TERM ends, goes on writing.
const LOSES_ITS_MAIN_THREAD: &str = "cat >/root/program <<'@end'\n\
     import ctypes, signal, threading, time\n\
     signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
     def write():\n    while True:\n        open('/root/wrote', 'a').write('x')\n        time.sleep(0.1)\n\
     threading.Thread(target=write).start()\n\
     ctypes.CDLL(None).pthread_exit(None)\n\
     @end";

#[tokio::test]
async fn a_process_that_goes_on_without_its_main_thread_is_its_jobs() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish(LOSES_ITS_MAIN_THREAD);
    // In its namespace, in its unit alone, and in its session.
    let out_of_unit = "echo $$ >/sys/fs/cgroup/cgroup.procs; exec python3 /root/program";
    let without_namespaces = "printf '#!/bin/sh\nexit 1\n' >/usr/local/sbin/unshare; chmod +x /usr/local/sbin/unshare";
    for (name, command, before) in [
        ("namespace", format!("setsid sh -c '{out_of_unit}' & wait"), "true"),
        ("unit", "unshare --uts setsid python3 /root/program & wait".to_owned(), "true"),
        ("session", format!("sh -c '{out_of_unit}' & wait"), without_namespaces),
    ] {
        host.furnish(&format!("rm -f /root/wrote; {before}"));
        let conductor = Conductor::of(&host);
        let job = job(name, &command);
        assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
        host.furnish("until [ -s /root/wrote ] && pgrep -r Z python3; do sleep 0.1; done");
        assert_eq!(conductor.signal(&job.name, Signal::Term).await, Ok(true));
        let has_ended = |report: &Option<JobReport>| {
            report.as_ref().is_some_and(|it| it.left.is_some() || it.state != JobState::Running)
        };
        let report = conductor.until(async || conductor.report(&job.name).await, has_ended).await.expect("a job");
        assert_eq!((&report.state, report.left), (&JobState::Running, Some(143)), "{name}: {report:?}");
        assert_eq!(report.go_on.len(), 1, "{name}: {report:?}");
        assert_eq!(conductor.signal(&job.name, Signal::Kill).await, Ok(true), "{name}");
        let report = conductor.ended(&job.name).await;
        assert!(matches!(report.state, JobState::Ended { exit: 143, .. }), "{name}: {report:?}");
        host.furnish("wrote=$(wc -c </root/wrote); sleep 0.5; [ \"$wrote\" = \"$(wc -c </root/wrote)\" ]");
    }
}

/// Gives what is left in the unit of a job a second to end, instead of 90.
fn waits_a_second(host: &Debian) {
    host.furnish(
        "mkdir -p /etc/systemd/system/cutover-job-.service.d\n\
         printf '[Service]\\nTimeoutStopSec=1s\\n' >/etc/systemd/system/cutover-job-.service.d/short.conf\n\
         systemctl daemon-reload",
    );
}

/// Waits until systemd has given up what is left in the unit of the job `job`.
const UNTIL_GIVEN_UP: &str = "until [ \"$(systemctl is-active cutover-job-job)\" = failed ]; do sleep 0.1; done";

#[tokio::test]
async fn what_is_left_in_a_unit_by_a_command_that_says_it_has_succeeded_is_its_job_until_it_ends_or_is_killed() {
    let machines = Machines::new();
    let host = machines.boot();
    waits_a_second(&host);
    let conductor = Conductor::of(&host);
    host.furnish(&format!("echo \"{STUBBORN}\" >/root/program"));
    let job = job("job", "trap 'exit 0' TERM; /bin/sh /root/program >/dev/null 2>&1 & wait");
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
    while host.run("test -e /root/begun").exit != 0 {}
    host.furnish("pkill -TERM -f '^/bin/sh -c trap'");
    // Half a migration is worse than a late one.
    host.furnish(UNTIL_GIVEN_UP);
    let report = conductor.report(&job.name).await.expect("an answer").expect("a job");
    assert_eq!((&report.state, report.left), (&JobState::Running, Some(0)), "{report:?}");
    assert!(!report.go_on.is_empty(), "{report:?}");
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Found));
    assert_eq!(conductor.signal(&job.name, Signal::Kill).await, Ok(true));
    let report = conductor.ended(&job.name).await;
    assert!(matches!(report.state, JobState::Ended { exit: 0, .. }), "{report:?}");
    assert_ne!(host.run("pgrep -f '^/bin/sh /root/program'").exit, 0);
}

#[tokio::test]
async fn what_goes_on_elsewhere_after_a_command_has_succeeded_can_print_as_long_as_it_lives() {
    let machines = Machines::new();
    let host = machines.boot();
    waits_a_second(&host);
    let conductor = Conductor::of(&host);
    let program =
        "echo $$ >/root/pid; until [ -e /root/enough ]; do sleep 0.1; done; echo last && echo done >/root/done";
    let script = "setsid /bin/sh -c \"$0\" & until [ -e /root/moved ]; do sleep 0.1; done";
    let job = Job::new("job".into(), Command::new(["/bin/sh", "-c", script, program]));
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
    let pid = host.furnish("until [ -s /root/pid ]; do sleep 0.1; done; cat /root/pid");
    in_session(&host, &pid);
    host.furnish("touch /root/moved");
    let report = conductor.ended(&job.name).await;
    assert!(matches!(report.state, JobState::Ended { exit: 0, .. }), "{report:?}");
    host.furnish(UNTIL_GIVEN_UP);
    host.furnish(&format!("touch /root/enough; while [ -e /proc/{pid} ]; do sleep 0.1; done"));
    assert_eq!(host.furnish("cat /root/done"), "done");
}

#[tokio::test]
async fn what_a_command_that_has_succeeded_has_left_in_a_session_is_named_and_lives() {
    let machines = Machines::new();
    let host = machines.boot();
    let command = "($program >/dev/null 2>&1 &); until [ -e /root/moved ]; do sleep 0.1; done";
    let (conductor, job, program) = with_program_in_session(&host, "daemon", command).await;
    let report = conductor.ended(&job).await;
    assert!(matches!(report.state, JobState::Ended { exit: 0, .. }), "{report:?}");
    assert!(report.go_on.contains(&program), "{report:?}");
    host.furnish(&format!("kill -KILL {program}"));
    let is_gone = |report: &Option<JobReport>| report.as_ref().is_some_and(|it| !it.go_on.contains(&program));
    conductor.until(async || conductor.report(&job).await, is_gone).await;
}

#[tokio::test]
async fn a_job_is_known_and_removed_although_sshd_has_mounts_of_its_own() {
    let machines = Machines::new();
    let host = machines.boot();
    for flags in ["private", "slave"] {
        host.furnish(&format!(
            "mkdir -p /etc/systemd/system/ssh.service.d\n\
             printf '[Service]\\nMountFlags={flags}\\n' >/etc/systemd/system/ssh.service.d/mounts.conf\n\
             systemctl daemon-reload; systemctl restart ssh; rm -f /root/moved"
        ));
        host.wait_until_up();
        let (conductor, job, program) = with_program_in_session(&host, flags, ORPHAN).await;
        host.furnish(&format!("kill -KILL $(cut -d' ' -f1 {FOLDER}/{flags}/pids); systemctl stop cutover-job-{flags}"));
        let report = conductor.report(&job).await.expect("an answer").expect("a job");
        assert_eq!(report.state, JobState::Running, "{flags}: {report:?}");
        assert_eq!(conductor.signal(&job, Signal::Kill).await, Ok(true), "{flags}");
        assert_eq!(conductor.ended(&job).await.state, JobState::Vanished, "{flags}");
        assert_ne!(host.run(&format!("kill -0 {program}")).exit, 0, "{flags}");
        conductor.collect(&job).await.expect("collected");
        let left = host.furnish(&format!("grep -c {flags}/namespace /proc/1/mountinfo || ls {FOLDER}"));
        assert_eq!(left, "0\nepoch\nlock", "{flags}");
    }
}

#[tokio::test]
async fn the_user_of_a_job_cannot_write_what_is_on_record_of_it() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    let write =
        "cd /var/lib/cutover/job || ln -s /etc/shadow /var/lib/cutover/job/exit || echo 1 >/var/lib/cutover/job/pids";
    let mut job = job("job", write);
    job.command.run_as = RunAs::User("daemon".to_owned());
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
    let report = conductor.ended(&job.name).await;
    assert!(matches!(report.state, JobState::Ended { exit: 1.., .. }), "{report:?}");
    assert_eq!(text(&report).matches("denied").count(), 2, "{}", text(&report));
}

#[tokio::test]
async fn a_command_of_another_user_can_open_its_output_and_errors_once_more() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    let mut job = job("job", "echo one >/dev/stdout; echo two | tee /dev/stderr; cat /dev/stdin; id -un");
    job.command.run_as = RunAs::User("daemon".to_owned());
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
    assert_eq!(text(&conductor.ended(&job.name).await), "one\ntwo\ntwo\ndaemon\n");
}

#[tokio::test]
async fn every_end_of_a_command_is_on_record_whenever_its_output_is_complete() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    for number in 0..20 {
        let job = job(&format!("job-{number}"), "echo out; exit 3");
        assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
        let report = conductor.ended(&job.name).await;
        assert!(matches!(report.state, JobState::Ended { exit: 3, .. }), "{number}: {report:?}");
        assert_eq!((text(&report), report.left), ("out\n".to_owned(), None), "{number}");
    }
}

#[tokio::test]
async fn a_conductor_that_was_killed_between_start_and_answer_finds_its_job() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    let job = job("job", "echo ran >>/root/runs; sleep 3");
    // The start is sent, and its sender does not live to hear the answer.
    let request = Request::Start { job: &job, epoch: 1 }.command(FOLDER, "root");
    let config = host.config("operator", "");
    let line = cutover_hosts::envelope::line(&request, std::time::Duration::from_secs(15), "root");
    let mut sender = std::process::Command::new("ssh")
        .arg("-F")
        .arg(config)
        .args([host.address(), &line])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("ssh");
    while host.run(&format!("test -e {FOLDER}/job/start")).exit != 0 {
        assert!(sender.try_wait().expect("its state").is_none_or(|status| status.success()));
    }
    sender.kill().expect("it runs, or has just ended");
    sender.wait().expect("it ends");
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Found));
    let report = conductor.ended(&job.name).await;
    assert!(matches!(report.state, JobState::Ended { exit: 0, .. }), "{report:?}");
    assert_eq!(host.furnish("cat /root/runs"), "ran");
}

#[tokio::test]
async fn conductors_that_start_a_job_at_the_same_time_run_it_once() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductors: Vec<Conductor> = (0..4).map(|_| Conductor::of(&host)).collect();
    let job = job("job", "echo ran >>/root/runs; sleep 1");
    let starts = futures_util::future::join_all(conductors.iter().map(|conductor| conductor.start(&job))).await;
    let started = starts.iter().filter(|start| **start == Ok(JobStart::Started)).count();
    assert_eq!(started, 1, "{starts:?}");
    conductors[0].ended(&job.name).await;
    assert_eq!(host.furnish("cat /root/runs"), "ran");
}

#[tokio::test]
async fn a_conductor_that_was_succeeded_is_refused_after_a_restart_too() {
    let machines = Machines::new();
    let host = machines.boot();
    let (first, second) = (Conductor::of(&host).at_epoch(4), Conductor::of(&host).at_epoch(5));
    assert_eq!(first.start(&job("one", "sleep 1000")).await, Ok(JobStart::Started));
    assert_eq!(second.start(&job("two", "echo two")).await, Ok(JobStart::Started));
    let is_refused = async || {
        let three = job("three", "echo three >/root/three");
        let mut refused = first.start(&three).await.expect_err("it was succeeded");
        if refused.class == FailureClass::NotApplied {
            // Its connection had ended with the host.
            refused = first.start(&three).await.expect_err("it was succeeded");
        }
        assert_eq!(refused.class, FailureClass::Superseded, "{refused}");
        assert!(refused.message.contains("epoch 5"), "{refused}");
    };
    is_refused().await;
    host.reset();
    second.ended(&"one".into()).await;
    is_refused().await;
    assert_ne!(host.run("test -e /root/three").exit, 0);
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_half_done() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    let running = job("running", "sleep 3; echo from a full disk; exit 3");
    assert_eq!(conductor.start(&running).await, Ok(JobStart::Started));
    conductor.until(async || conductor.report(&running.name).await, Option::is_some).await;
    let endless = job("endless", "trap '' TERM; while :; do sleep 0.1; done");
    assert_eq!(conductor.start(&endless).await, Ok(JobStart::Started));
    conductor.until(async || conductor.report(&endless.name).await, Option::is_some).await;
    host.fill_disk();
    assert_eq!(conductor.signal(&endless.name, Signal::Term).await, Ok(true));
    // Another conductor has taken over meanwhile.
    let conductor = Conductor::of(&host).at_epoch(2);
    assert_eq!(conductor.signal(&endless.name, Signal::Kill).await, Ok(true));
    assert!(matches!(conductor.ended(&endless.name).await.state, JobState::Ended { exit: 137, .. }));
    let next = job("next", "echo ran >>/dev/shm/runs");
    for _ in 0..2 {
        let refused = conductor.start(&next).await.expect_err("there is no room");
        assert!(refused.message.contains("the disk of /var/lib/cutover is full"), "{refused}");
        assert_eq!(refused.class, FailureClass::Permanent, "{refused}");
        assert_eq!(conductor.report(&next.name).await, Ok(None), "nothing of it is there");
    }
    // The job that runs goes on. Its output is lost, and how it ended is not.
    let report = conductor.ended(&running.name).await;
    assert!(matches!(report.state, JobState::Ended { exit: 3, .. }), "{report:?}");
    assert_eq!((text(&report), report.is_cut), (String::new(), true));
    assert!(conductor.ask(&Ask::new(Command::new(["true"]))).await.is_ok());
    host.empty_disk();
    assert_eq!(conductor.start(&next).await, Ok(JobStart::Started));
    conductor.ended(&next.name).await;
    assert_eq!(host.furnish("cat /dev/shm/runs"), "ran");
}

#[tokio::test]
async fn a_sudo_that_asks_for_a_password_is_said_and_waits_for_nobody() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish(
        "useradd --create-home --shell /bin/bash ubuntu; echo ubuntu:secret | chpasswd; usermod -aG sudo ubuntu; \
         cp -r /root/.ssh /home/ubuntu/; chown -R ubuntu /home/ubuntu/.ssh",
    );
    let conductor = Conductor::with(&host, super::support::settings(&host, "operator", "User ubuntu"));
    let as_root = Ask::new(Command::as_root(["id", "-un"]));
    for failure in [
        conductor.ask(&as_root).await.map(|_| ()).expect_err("sudo asks"),
        conductor.start(&job("job", "id -un")).await.map(|_| ()).expect_err("sudo asks"),
    ] {
        assert!(failure.message.contains("password is required"), "{failure}");
        assert!(failure.to_string().contains("/bin/sh as root"), "{failure}");
        assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
    }
    // Nothing of that keeps the operator from what needs no sudo.
    let said = conductor.ask(&Ask::new(Command::new(["id", "-un"]))).await.expect("an answer");
    assert_eq!(said.stdout, "ubuntu\n");
    host.furnish("echo 'ubuntu ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ubuntu");
    assert_eq!(conductor.ask(&as_root).await.expect("an answer").stdout, "root\n");
    assert_eq!(conductor.start(&job("job", "id -un")).await, Ok(JobStart::Started));
    assert_eq!(text(&conductor.ended(&"job".into()).await), "ubuntu\n", "a job runs as the user who signs in");
    let mut as_daemon = job("daemon", "id -un; pwd; echo \"$LANG\"");
    as_daemon.command.run_as = RunAs::User("daemon".to_owned());
    assert_eq!(conductor.start(&as_daemon).await, Ok(JobStart::Started));
    assert_eq!(text(&conductor.ended(&"daemon".into()).await), "daemon\n/\nC.UTF-8\n");
}
