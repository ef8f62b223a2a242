//! Bad days of a connection: each ends with a statement that says what is wrong, and works again once that has been
//! put right.

use std::time::{Duration, Instant};

use cutover_engine::failure::FailureClass;
use cutover_engine::ports::Answer;
use cutover_hosts::command::{Ask, Command, RunAs, Said};
use cutover_hosts::job::{JobStart, JobState, Signal};
use cutover_rig::{Host, Machines};

use super::support::{Conductor, job, settings, text};

fn hello() -> Ask {
    Ask::new(Command::new(["echo", "hello"]))
}

fn says_hello(said: &Said) -> bool {
    said.stdout == "hello\n"
}

/// The failure has this class, and these words are in it.
fn fails(answer: Answer<Said>, class: FailureClass, words: &[&str]) {
    let failure = answer.expect_err("it cannot work");
    assert_eq!(failure.class, class, "{failure}");
    words.iter().for_each(|word| assert!(failure.to_string().contains(word), "{word}: {failure}"));
}

#[tokio::test]
async fn a_wrong_key_and_a_changed_host_key_need_somebody_and_are_told_apart() {
    let machines = Machines::new();
    let host = machines.boot();
    let stranger = Conductor::with(&host, settings(&host, "stranger", ""));
    fails(stranger.ask(&hello()).await, FailureClass::Permanent, &["Permission denied", "ssh-add -l"]);
    let known = std::fs::read(host.operator().path().join("known_hosts")).expect("it is there");
    host.operator().takes_for(host.endpoint(), "stranger");
    let conductor = Conductor::of(&host);
    fails(conductor.ask(&hello()).await, FailureClass::Permanent, &["host key has changed", "ssh-keygen -R"]);
    // The way on: the same conductor needs no restart.
    std::fs::write(host.operator().path().join("known_hosts"), known).expect("written");
    assert!(says_hello(&conductor.ask(&hello()).await.expect("an answer")));
}

#[tokio::test]
async fn a_host_that_is_down_cannot_be_reached_and_is_asked_again() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    assert!(says_hello(&conductor.ask(&hello()).await.expect("an answer")));
    host.unplug();
    let begin = Instant::now();
    let unheard = conductor.ask(&hello()).await;
    assert!(begin.elapsed() < Duration::from_secs(15), "silence was noticed after {:?}", begin.elapsed());
    fails(unheard, FailureClass::NotApplied, &["i-1"]);
    let begin = Instant::now();
    fails(conductor.ask(&hello()).await, FailureClass::NotApplied, &["cannot be reached", "security groups"]);
    assert!(begin.elapsed() < Duration::from_secs(15), "it was given up after {:?}", begin.elapsed());
    host.plug_in();
    conductor.until(async || conductor.ask(&hello()).await, says_hello).await;
}

#[tokio::test]
async fn a_job_survives_a_pulled_cable_and_is_found_afterwards() {
    let machines = Machines::new();
    let host = machines.boot();
    let conductor = Conductor::of(&host);
    let job = job("job", "echo one; sleep 12; echo two");
    assert_eq!(conductor.start(&job).await, Ok(JobStart::Started));
    host.unplug();
    let begin = Instant::now();
    let unheard = conductor.report(&job.name).await.expect_err("nobody answers");
    assert_eq!(unheard.class, FailureClass::NotApplied, "{unheard}");
    // A start that was not answered is in doubt, or was never sent.
    let unheard = conductor.start(&job).await.expect_err("nobody answers");
    assert!(matches!(unheard.class, FailureClass::NotApplied | FailureClass::InDoubt), "{unheard}");
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    host.plug_in();
    let found = conductor.until(async || conductor.start(&job).await, |_| true).await;
    assert_eq!(found, JobStart::Found);
    let report = conductor.ended(&job.name).await;
    assert!(matches!(report.state, JobState::Ended { exit: 0, .. }), "{report:?}");
    assert_eq!(text(&report), "one\ntwo\n");
}

#[tokio::test]
async fn everything_works_with_a_host_that_is_far_away() {
    let machines = Machines::new();
    let host = machines.boot();
    let far_away = host.far_away(Duration::from_millis(100), 5);
    let conductor = Conductor::with(&host, settings(&host, "operator", &far_away.config()));
    let lines = "i=0; while [ $i -lt 20000 ]; do echo 'a line of output'; i=$((i + 1)); done";
    let job = job("job", lines);
    let started = conductor.until(async || conductor.start(&job).await, |_| true).await;
    assert!(matches!(started, JobStart::Started | JobStart::Found));
    let report = conductor.ended(&job.name).await;
    assert!(matches!(report.state, JobState::Ended { exit: 0, .. }), "{report:?}");
    assert_eq!(report.size, 20_000 * 17);
    let (next, rest) = (
        report.next,
        conductor.until(async || conductor.report_from(&job.name, report.next).await, Option::is_some).await,
    );
    let whole = next + rest.expect("it is there").output.len() as u64;
    assert_eq!(whole, report.size, "an answer from where the first one ended is the rest");
    assert!(!conductor.signal(&job.name, Signal::Term).await.expect("an answer"));
    conductor.collect(&job.name).await.expect("collected");
}

#[tokio::test]
async fn startup_files_that_print_and_take_long_spoil_no_answer_and_use_up_no_limit() {
    let machines = Machines::new();
    let host = machines.boot();
    // bash reads the second one even for a command that is sent over SSH.
    host.furnish(
        "usermod -s /bin/bash root; cat >/root/.profile <<'@end'\nsleep 2; echo '@cutover-job none'; echo oops >&2\n\
         stty sane; clear; printf 'no end of line'; export LANG=de_DE.UTF-8 TMOUT=1 PATH=/nonexistent\n@end\n\
         cp /root/.profile /root/.bashrc",
    );
    assert!(host.run("bash -ic true").stdout.contains("no end of line"), "it is read");
    let conductor = Conductor::of(&host);
    let quick = Ask { limit: Duration::from_secs(1), ..hello() };
    assert!(says_hello(&conductor.ask(&quick).await.expect("an answer")));
    let environment = conductor.ask(&Ask::new(Command::new(["env"]))).await.expect("an answer").stdout;
    let mut names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "PATH", "PWD"], "{environment}");
    assert!(environment.contains("PATH=/usr/local/sbin:") && environment.contains("LANG=C.UTF-8"), "{environment}");
    assert_eq!(conductor.start(&job("job", "echo one")).await, Ok(JobStart::Started));
    assert_eq!(text(&conductor.ended(&"job".into()).await), "one\n");
}

#[tokio::test]
async fn a_startup_file_that_hangs_is_told_as_that() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish("usermod -s /bin/bash root; echo 'sleep 600' >/root/.bashrc");
    let quick = Ask { limit: Duration::from_secs(1), ..hello() };
    let conductor = Conductor::of(&host);
    fails(conductor.ask(&quick).await, FailureClass::NotApplied, &["did not begin within 16 s", "~/.bashrc"]);
    host.furnish("rm /root/.bashrc");
    assert!(says_hello(&conductor.ask(&quick).await.expect("an answer")), "the same connection works again");
}

#[tokio::test]
async fn who_signs_in_as_root_needs_no_sudo_to_run_commands_as_somebody_else() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish("rm -f \"$(command -v sudo)\"; useradd --create-home edxapp");
    let command =
        Command { run_as: RunAs::User("edxapp".to_owned()), ..Command::script("id -un; echo $HOME; pwd", [""]) };
    let command = Command { directory: Some("/tmp".to_owned()), ..command };
    let said = Conductor::of(&host).ask(&Ask::new(command)).await.expect("an answer");
    assert_eq!((said.exit, said.stdout.as_str()), (0, "edxapp\n/home/edxapp\n/tmp\n"), "{}", said.stderr);
}
