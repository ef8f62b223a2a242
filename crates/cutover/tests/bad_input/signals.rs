//! Killed in the middle: nothing of the operator's has changed, the same command goes on, and the scratch repository
//! that was left in memory goes with the next command.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::fork::{Fork, ONTO};

/// Runs a command, and ends it with `signal` when its git has begun with `word`.
fn kill_at(fork: &Fork, words: &[&str], word: &str, signal: &str) {
    let reached = fork.at("reached");
    fork.wrap_git(&format!("case \" $* \" in *' {word} '*) : > '{}'; exec sleep 20;; esac", reached.display()));
    let mut command = fork.program(&fork.clone(), words);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    wait_for(&reached, &mut child);
    let sent = fork.command("kill", super::fork::path()).args(["-s", signal, &child.id().to_string()]).status();
    assert!(sent.expect("kill starts").success());
    assert_eq!(child.wait().expect("it ends").code(), None, "ended by the signal");
    std::fs::remove_file(reached).expect("it was there");
    fork.unwrap_git();
}

fn wait_for(path: &Path, child: &mut Child) {
    for _ in 0..2000 {
        if path.exists() {
            return;
        }
        assert!(child.try_wait().expect("a status").is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} did not appear", path.display());
}

/// The scratch repositories that borrow from this fork.
fn scratches(fork: &Fork) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in [PathBuf::from("/dev/shm"), std::env::temp_dir()] {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let lenders = std::fs::read_to_string(entry.path().join("objects/info/alternates")).unwrap_or_default();
            let is_ours = lenders.starts_with(&fork.clone().display().to_string());
            if is_ours && entry.file_name().to_string_lossy().starts_with("cutover-") {
                found.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn the_next_forecast_removes_what_a_killed_one_left() {
    let fork = Fork::new();
    let words = [&["forecast"][..], &ONTO].concat();
    for signal in ["INT", "TERM", "KILL"] {
        fork.untouched(|| kill_at(&fork, &words, "merge-tree", signal));
        fork.run(&words).ended(10);
        assert_eq!(scratches(&fork), Vec::<PathBuf>::new(), "after {signal}");
    }
}

#[test]
fn a_rebase_that_is_killed_goes_on_with_the_same_command() {
    let words = [&["rebase"][..], &ONTO].concat();
    for (word, signal) in [("merge-tree", "TERM"), ("fetch", "INT"), ("worktree", "KILL"), ("cherry-pick", "KILL")] {
        let fork = Fork::new();
        fork.untouched(|| {
            kill_at(&fork, &words, word, signal);
            assert!(fork.run(&words).ended(10).contains("STOPPED after 1 of 3 patches"), "{word}");
        });
        assert_eq!(scratches(&fork), Vec::<PathBuf>::new(), "after {signal} in {word}");
        fork.run(&["rebase", "--branch", "mitx/koa", "--abort"]).ended(0);
    }
}
