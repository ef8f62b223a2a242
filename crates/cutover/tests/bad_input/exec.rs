//! Commands of `rebase --exec` that were broken off: never a second one beside the first, never a folder removed under one that
//! runs, and a way on.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::fork::{Fork, path};

const FOLDER: &str = "edx-platform.mitx-koa.rebase.exec";

/// A fork whose branch can be rebased without conflicts.
fn fork() -> Fork {
    let fork = Fork::new();
    fork.git(&["branch", "--force", "mitx/koa", "mitx/koa~2"]);
    fork
}

/// Starts a rebase whose command writes `began` and waits for `go`, in a process group of its own, and waits for `began`.
fn started(fork: &Fork) -> Child {
    let (began, go) = (fork.at("began"), fork.at("go"));
    let command = format!(
        "echo built > out; echo $$ >> '{}'; until test -e '{}'; do sleep 0.02; done; echo end >> '{}'",
        began.display(),
        go.display(),
        fork.at("ended").display()
    );
    let words = [&["rebase"][..], &super::fork::ONTO, &["--exec", &command]].concat();
    let mut program = fork.program(&fork.clone(), &words);
    let child = program.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    wait_for(&began);
    child
}

fn wait_for(path: &Path) {
    for _ in 0..3000 {
        if path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} did not appear", path.display());
}

fn send(fork: &Fork, signal: &str, to: &str) {
    assert!(fork.command("kill", path()).args(["-s", signal, "--", to]).status().expect("kill starts").success());
}

fn rebase(option: &'static str) -> [&'static str; 4] {
    ["rebase", "--branch", "mitx/koa", option]
}

/// What the state of the rebase says.
fn shown(fork: &Fork) -> String {
    fork.run(&["rebase", "--branch", "mitx/koa"]).ended(10)
}

#[test]
fn a_command_that_outlives_cutover_is_alone_until_it_ends() {
    let fork = fork();
    let mut cutover = started(&fork);
    cutover.kill().and_then(|()| cutover.wait()).expect("killed");
    for option in ["--continue", "--abort"] {
        fork.run(&rebase(option))
            .refused(&["the command of --exec is running on the result", "wait for the command to end"]);
    }
    let shown_now = fork.run(&["rebase", "--branch", "mitx/koa"]).ended(0);
    assert!(shown_now.contains("is running on the result"), "{shown_now}");
    assert!(fork.at(FOLDER).join("out").exists());
    std::fs::write(fork.at("go"), "").expect("written");
    wait_for(&fork.at("ended"));
    until_free(&fork);
    assert!(shown(&fork).contains("BROKEN OFF on the result"));
    fork.run(&rebase("--continue")).refused(&["was broken off", "may contain work of somebody's", FOLDER]);
    fork.run(&rebase("--continue")).ended(0);
    assert_eq!(std::fs::read_to_string(fork.at("began")).expect("a file").lines().count(), 2, "run twice in turn");
    assert!(!fork.at(FOLDER).exists());
}

/// Waits until nobody holds the lock on the rebase.
fn until_free(fork: &Fork) {
    let lock = std::fs::File::open(fork.clone().join(".git/cutover/rebase/mitx%2Fkoa.lock")).expect("a lock");
    lock.lock().and_then(|()| lock.unlock()).expect("free");
}

#[test]
fn a_rebase_whose_command_was_killed_with_cutover_is_aborted_and_says_before_what_was_left() {
    let fork = fork();
    let mut cutover = started(&fork);
    send(&fork, "KILL", &format!("-{}", cutover.id()));
    cutover.wait().expect("killed");
    let work = || fork.git(&["for-each-ref", "refs/cutover/rebased"]);
    let before = work();
    fork.run(&rebase("--abort")).refused(&["was broken off", FOLDER]);
    assert_eq!(work(), before, "nothing is gone yet");
    fork.run(&rebase("--abort")).ended(0);
    assert!(!fork.at(FOLDER).exists());
}

#[test]
fn an_interrupted_command_has_failed_and_is_run_again() {
    let fork = fork();
    let mut cutover = started(&fork);
    send(&fork, "INT", &format!("-{}", cutover.id()));
    assert_eq!(cutover.wait().expect("it ends").code(), Some(10));
    assert!(shown(&fork).contains("FAILED on the result"));
    std::fs::write(fork.at("go"), "").expect("written");
    fork.run(&rebase("--continue")).ended(0);
}

#[test]
fn a_command_that_heeds_no_interruption_is_left_alone_after_another_one() {
    let fork = fork();
    let mut cutover = started(&fork);
    let alone = cutover.id().to_string();
    // Cutover alone gets these: the command heeds none.
    while cutover.try_wait().expect("a status").is_none() {
        send(&fork, "INT", &alone);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(cutover.wait().expect("it ends").code(), Some(4));
    fork.run(&rebase("--abort")).refused(&["the command of --exec is running on the result"]);
    std::fs::write(fork.at("go"), "").expect("written");
    until_free(&fork);
    fork.run(&rebase("--abort")).refused(&["was broken off"]);
    fork.run(&rebase("--abort")).ended(0);
}

#[test]
fn a_work_tree_that_git_was_creating_when_all_was_killed_is_replaced() {
    let fork = fork();
    let reached: PathBuf = fork.at("reached");
    fork.wrap_git(&format!(
        "case \" $* \" in *' worktree add '*) '{}' \"$@\"; : > '{}'; exec sleep 60;; esac",
        super::fork::real_git().display(),
        reached.display()
    ));
    let words = [&["rebase"][..], &super::fork::ONTO, &["--exec", "test -f cookie.py"]].concat();
    let mut program = fork.program(&fork.clone(), &words);
    let mut cutover = program.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    wait_for(&reached);
    send(&fork, "KILL", &format!("-{}", cutover.id()));
    cutover.wait().expect("killed");
    fork.unwrap_git();
    assert!(fork.at(FOLDER).exists());
    fork.run(&rebase("--continue")).ended(0);
}

#[test]
fn a_command_that_checks_out_another_commit_is_told_so_and_has_not_succeeded() {
    let fork = fork();
    let words = [&["rebase"][..], &super::fork::ONTO, &["--exec", "git checkout --quiet HEAD~1"]].concat();
    let ran = fork.run(&words);
    assert!(ran.err.contains("has checked out") && !ran.err.contains("committed"), "{ran:?}");
    let words = [&["rebase"][..], &super::fork::ONTO, &["--exec", "true"]].concat();
    fork.run(&words).ended(0);
}

#[test]
fn something_else_in_the_place_of_the_folder_is_refused_before_any_conflict_is_resolved() {
    let fork = Fork::new();
    std::fs::create_dir(fork.at(FOLDER)).expect("a folder");
    let words = [&["rebase"][..], &super::fork::ONTO, &["--exec", "true"]].concat();
    fork.untouched(|| fork.run(&words).refused(&[FOLDER, "contains something else", "--folder"]));
    assert_eq!(fork.git(&["for-each-ref", "refs/cutover/rebased"]), "");
    fork.run(&[&["rebase"][..], &super::fork::ONTO].concat()).ended(10);
    fork.run(&words).refused(&["contains something else"]);
}

/// A rebase whose command has failed, after it has made a clone, an ignored file and a new one.
fn failed(fork: &Fork) {
    fork.git(&["switch", "--quiet", "mitx/koa"]);
    fork.commit("Ignore what is built", ".gitignore", "build/\n");
    fork.git(&["switch", "--quiet", "master"]);
    let clone = format!("git clone --quiet --branch mitx/koa '{}' vendor", fork.at("origin.git").display());
    let command = format!("mkdir build; echo 1 > build/out; echo 2 > new; {clone}; false");
    fork.run(&[&["rebase"][..], &super::fork::ONTO, &["--exec", &command]].concat()).ended(10);
}

#[test]
fn what_a_person_does_in_the_folder_of_a_failed_command_is_kept_whatever_it_is() {
    let works: [&[&str]; 4] = [
        &["sh", "-c", "echo mine > build/config"],
        &[
            "sh",
            "-c",
            "cd vendor && git commit --quiet --allow-empty --message mine && git switch --quiet --detach HEAD~1",
        ],
        &["sh", "-c", "git commit --quiet --allow-empty --message mine && git checkout --quiet HEAD~1"],
        &["sh", "-c", "echo mine > vendor/settings.py"],
    ];
    for work in works {
        let fork = fork();
        failed(&fork);
        let done =
            fork.command(work[0], path()).args(&work[1..]).current_dir(fork.at(FOLDER)).output().expect("it starts");
        assert!(done.status.success(), "{work:?}: {done:?}");
        for option in ["--continue", "--abort"] {
            fork.run(&rebase(option)).refused(&["was changed since the command ended", "git worktree remove --force"]);
        }
    }
}

#[test]
fn what_only_the_command_has_made_is_removed_also_submodules_and_clones() {
    let fork = fork();
    failed(&fork);
    fork.run(&rebase("--continue")).ended(10);
    let clone =
        format!("git clone --quiet --branch mitx/koa '{}' vendor; echo 1 > new", fork.at("origin.git").display());
    fork.run(&[&["rebase"][..], &super::fork::ONTO, &["--exec", &clone]].concat()).ended(0);
    assert!(!fork.at(FOLDER).exists());
}
