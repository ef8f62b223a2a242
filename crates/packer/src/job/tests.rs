//! With a script in Packer's place, so that no account is needed. Builds by Packer itself are in `tests/real`.

#![expect(clippy::disallowed_methods, reason = "builds are real processes, which are waited for in real time")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::output::Reading;
use crate::program::Program;
use crate::template::Template;
use crate::testing::{stand_in, wanted};
use crate::variables::Variables;

struct Stage {
    folder: TempDir,
    program: Program,
    template: Template,
    variables: Variables,
    job: Job,
}

impl Stage {
    /// A build by this script, which runs in the folder of the stage.
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = stand_in(folder.path(), "1.6.6", script);
        let file = folder.path().join("edxapp.json");
        fs::write(&file, "{}").expect("written");
        let template = Template::at(&file).expect("a template");
        let job = Job::new(&folder.path().join("builds"), &wanted().token).expect("a job");
        let variables = Variables::of(&wanted(), &job.manifest(), template.language()).expect("variables");
        Self { folder, program, template, variables, job }
    }

    fn start(&self) -> Started {
        self.start_with_limit(1 << 20)
    }

    fn start_with_limit(&self, limit: u64) -> Started {
        let Self { program, template, variables, .. } = self;
        let start = Start { program, template, variables, directory: self.folder.path(), limit };
        self.job.start(&start).expect("started")
    }

    fn state(&self) -> State {
        self.job.state().expect("a state")
    }

    fn wait_for(&self, state: &State) {
        until(|| self.state() == *state);
    }

    /// Changes a file of the job.
    fn edit(&self, name: &str, edit: impl Fn(&mut Value)) {
        let file = self.job.folder.join(name);
        let mut value = serde_json::from_slice(&fs::read(&file).expect("read")).expect("JSON");
        edit(&mut value);
        fs::write(&file, value.to_string()).expect("written");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What a test starts ends with it.
impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.job.kill();
    }
}

fn until(holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it does not hold after a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Everything that a job has printed, and how much of it was not kept.
fn everything(job: &Job) -> (String, u64) {
    let (mut text, mut skipped, mut offset) = (Vec::new(), 0, 0);
    loop {
        let piece = job.read(offset, 1000).expect("read");
        if piece.bytes.is_empty() {
            return (String::from_utf8(text).expect("text"), skipped);
        }
        skipped += piece.skipped;
        text.extend(piece.bytes);
        offset = piece.next;
    }
}

/// Runs until the file `go` is there.
const HELD: &str = "echo held; until [ -e go ]; do sleep 0.02; done; exit 3";

#[test]
fn a_build_outlives_its_start_and_tells_how_it_ended() {
    let stage = Stage::new(HELD);
    assert_eq!(stage.state(), State::None);
    assert_eq!(stage.start(), Started::Now);
    assert_eq!(stage.state(), State::Running);
    until(|| everything(&stage.job).0 == "held\n");
    fs::write(stage.file("go"), "").expect("written");
    stage.wait_for(&State::Ended(3));
}

#[test]
fn a_second_start_finds_the_first_whatever_became_of_it() {
    let stage = Stage::new("echo run >>runs; exit 1");
    assert_eq!(stage.start(), Started::Now);
    assert_eq!(stage.start(), Started::Before);
    stage.wait_for(&State::Ended(1));
    assert_eq!(stage.start(), Started::Before, "a failed build is not built again unasked");
    assert_eq!(fs::read_to_string(stage.file("runs")).expect("it ran"), "run\n");
}

#[test]
fn of_many_starts_at_once_only_one_starts() {
    let stage = Stage::new(&format!("echo run >>runs; {HELD}"));
    let started: Vec<Started> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| stage.start())).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    assert_eq!(started.iter().filter(|one| **one == Started::Now).count(), 1, "{started:?}");
    until(|| everything(&stage.job).0 == "held\n");
    assert_eq!(fs::read_to_string(stage.file("runs")).expect("it ran"), "run\n");
}

#[test]
fn a_start_that_was_cut_off_before_anything_ran_is_made_again() {
    let stage = Stage::new(HELD);
    stage.start();
    stage.job.kill().expect("killed");
    stage.wait_for(&State::Died);
    // As if the keeper had not come to its first line.
    fs::remove_file(stage.job.folder.join("began")).expect("removed");
    assert_eq!(stage.state(), State::None);
    assert_eq!(stage.start(), Started::Now);
}

#[test]
fn a_build_goes_on_though_whoever_started_it_is_gone_before_it_has_begun() {
    let stage = Stage::new("echo on");
    let folder = &stage.job.folder;
    fs::create_dir_all(folder).expect("made");
    let lock = fs::File::create(folder.join("lock")).expect("made");
    lock.lock().expect("locked");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut keeper = std::process::Command::new("/bin/sh");
    keeper
        .args(["-c", include_str!("keeper.sh"), "cutover-keeper"])
        .arg(folder)
        .arg("4096")
        .arg("/")
        .arg(stage.program.path());
    keeper.stdin(lock).stderr(writer.try_clone().expect("another")).stdout(writer);
    keeper.status().expect("it runs");
    assert!(folder.join("exit.0").exists());
    assert_eq!(fs::read_to_string(folder.join("output.100000")).expect("written"), "on\n");
}

#[test]
fn a_build_that_was_killed_has_died_and_is_not_taken_for_one_that_ended() {
    let stage = Stage::new(HELD);
    stage.start();
    until(|| everything(&stage.job).0 == "held\n");
    assert_eq!(stage.job.kill().expect("killed"), Signalled::Sent);
    stage.wait_for(&State::Died);
    assert_eq!(stage.job.kill().expect("nothing to kill"), Signalled::NotRunning);
    assert_eq!(stage.start(), Started::Before, "what it has left behind comes first");
    stage.edit("start.json", |record| record["machine"]["boot"] = "another boot".into());
    assert_eq!(stage.state(), State::Restarted);
    stage.edit("start.json", |record| {
        record["machine"]["id"] = "another machine".into();
        record["machine"]["host"] = "laptop".into();
    });
    assert_eq!(stage.state(), State::Elsewhere { host: "laptop".to_owned() });
    stage.job.remove().expect_err("it may run there");
}

#[test]
fn a_build_runs_as_long_as_anything_of_it_does() {
    // The keeper alone is killed: Packer goes on, and nobody may start a second one.
    let stage = Stage::new(&format!("cut -d' ' -f6 /proc/$$/stat >session; {HELD}"));
    stage.start();
    until(|| everything(&stage.job).0 == "held\n");
    let session = fs::read_to_string(stage.file("session")).expect("read");
    let keeper = rustix::process::Pid::from_raw(session.trim().parse().expect("a number"));
    rustix::process::kill_process(keeper.expect("a process"), rustix::process::Signal::KILL).expect("killed");
    assert_eq!(stage.state(), State::Running);
    assert_eq!(stage.start(), Started::Before);
    assert_eq!(stage.job.interrupt().expect("its processes are known without it"), Signalled::Sent);
    until(|| matches!(stage.state(), State::Died | State::Ended(_)));
}

#[test]
fn a_packer_that_was_killed_alone_has_ended_by_its_signal() {
    let stage = Stage::new("echo last words; kill -KILL $$");
    stage.start();
    stage.wait_for(&State::Ended(137));
    assert!(everything(&stage.job).0.starts_with("last words\n"));
}

#[test]
fn an_interrupt_lets_packer_clean_up_and_its_last_words_are_kept() {
    let stage = Stage::new("trap 'echo cleaned up; exit 1' INT; echo held; while :; do sleep 0.02; done");
    stage.start();
    until(|| everything(&stage.job).0 == "held\n");
    assert_eq!(stage.job.interrupt().expect("interrupted"), Signalled::Sent);
    stage.wait_for(&State::Ended(1));
    assert_eq!(everything(&stage.job).0, "held\ncleaned up\n");
}

#[test]
fn what_a_build_has_started_ends_with_it() {
    // As ssh and agents do, it leaves the session.
    let stage = Stage::new(&format!("setsid sleep 600 & {HELD}"));
    stage.start();
    until(|| everything(&stage.job).0 == "held\n");
    assert_eq!(stage.job.kill().expect("killed"), Signalled::Sent);
    stage.wait_for(&State::Died);
}

#[test]
fn what_exceeds_the_limit_loses_its_middle() {
    let image = "1,edxapp,artifact,0,id,us-east-1:ami-0123456789abcdef0";
    let step = "1,,ui,message,    edxapp: Instance ID: i-0123456789abcdef0";
    let stage = Stage::new(&format!("echo '{step}'; seq -f '1,,ui,message,    edxapp: line %g' 40000; echo '{image}'"));
    let limit = 64 << 10;
    stage.start_with_limit(limit);
    stage.wait_for(&State::Ended(0));
    let (text, skipped) = everything(&stage.job);
    assert!(skipped > 0 && text.len() as u64 <= limit, "{} bytes were kept, {skipped} were not", text.len());
    assert!(text.starts_with(step) && text.trim_end().ends_with(image));
    let mut reading = Reading::default();
    stage.job.follow(0, &mut reading).expect("read");
    assert_eq!((reading.images().len(), reading.made().instances.len()), (1, 1));
}

#[test]
fn a_build_goes_on_though_its_output_cannot_be_written() {
    let stage = Stage::new("seq 100000; touch through");
    fs::create_dir_all(stage.job.folder.join("output.100000")).expect("made");
    stage.start();
    stage.wait_for(&State::Ended(0));
    assert!(stage.file("through").exists());
}

#[test]
fn variables_are_not_in_the_command_line() {
    let stage = Stage::new(&format!("printf '%s\\n' \"$@\" >arguments; {HELD}"));
    stage.start();
    until(|| everything(&stage.job).0 == "held\n");
    let arguments = fs::read_to_string(stage.file("arguments")).expect("written");
    let variables = stage.job.folder.join("variables.pkrvars.json");
    let template = stage.template.path().display();
    assert_eq!(
        arguments,
        format!("build\n-machine-readable\n-color=false\n-var-file={}\n{template}\n", variables.display())
    );
    let read: Value = serde_json::from_slice(&fs::read(variables).expect("read")).expect("JSON");
    assert_eq!(read["commit"], wanted().commit.as_str());
}

#[test]
fn packer_gets_the_operators_own_surroundings() {
    let stage = Stage::new("umask >mask; echo \"$LC_ALL\" >locale; pwd >directory");
    stage.start();
    stage.wait_for(&State::Ended(0));
    let read = |name| fs::read_to_string(stage.file(name)).expect("written");
    let own = std::process::Command::new("/bin/sh").args(["-c", "umask"]).output().expect("a shell");
    assert_eq!(read("mask").as_bytes(), own.stdout);
    assert_eq!(read("locale"), "C.UTF-8\n", "ansible does not run with another");
    assert_eq!(read("directory").trim(), stage.folder.path().canonicalize().expect("there").to_string_lossy());
}

#[test]
fn files_of_a_build_that_runs_are_not_removed() {
    let stage = Stage::new(HELD);
    stage.start();
    stage.job.remove().expect_err("it runs");
    fs::write(stage.file("go"), "").expect("written");
    stage.wait_for(&State::Ended(3));
    stage.job.remove().expect("removed");
    assert_eq!(stage.state(), State::None);
    stage.job.remove().expect("there is nothing to remove");
}

#[test]
fn a_start_that_fails_says_why_and_has_run_nothing() {
    let stage = Stage::new("touch ran");
    stage.start();
    stage.wait_for(&State::Ended(0));
    stage.job.remove().expect("removed");
    fs::remove_file(stage.file("ran")).expect("it ran");
    // The keeper cannot write its beginning.
    fs::create_dir_all(stage.job.folder.join("open")).expect("made");
    let Stage { program, template, variables, .. } = &stage;
    let start = Start { program, template, variables, directory: stage.folder.path(), limit: 1 };
    let refused = stage.job.start(&start).expect_err("it cannot begin");
    assert!(refused.to_string().contains("open: Is a directory"), "{refused}");
    assert_eq!(stage.state(), State::None);
    assert!(!stage.file("ran").exists());
}

#[test]
fn tokens_that_lead_elsewhere_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for token in ["", ".", "..", "../x", "a/b", "a b", "door", ".x", "a\n"] {
        assert!(Job::new(folder.path(), token).is_err(), "{token:?}");
    }
    let tokens: BTreeSet<_> =
        ["koa-v4.image", "A_1"].map(|token| Job::new(folder.path(), token).expect("a job").folder).into();
    assert_eq!(tokens.len(), 2);
}
