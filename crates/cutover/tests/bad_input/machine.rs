//! Machines that lack something: a git that is new enough or any at all, a home, a name, a folder for temporary files.

use super::fork::{Fork, ONTO, Ran};

fn forecast(fork: &Fork) -> std::process::Command {
    fork.program(&fork.clone(), &[&["forecast"][..], &ONTO].concat())
}

#[test]
fn a_git_that_is_too_old_is_refused_by_its_version() {
    let fork = Fork::new();
    fork.wrap_git("[ \"$1\" = version ] && echo 'git version 2.39.5' && exit");
    fork.untouched(|| {
        for command in ["status", "patches", "forecast", "rebase", "verify", "publish", "mirror"] {
            fork.run(&[command]).refused(&["git 2.39.5 is too old: 2.40.0 or later", "Debian 12"]);
        }
    });
    fork.wrap_git("[ \"$1\" = version ] && echo 'hub 1' && exit");
    fork.run(&["status"]).refused(&["which is not a version"]);
}

#[test]
fn without_any_git_it_is_said_to_be_missing() {
    let fork = Fork::new();
    let mut command = fork.program(&fork.clone(), &["status"]);
    command.env("PATH", fork.at("nothing"));
    Ran::of(&command.output().expect("it starts")).refused(&["git could not be started", "install git 2.40"]);
}

#[test]
fn without_a_home_everything_works_that_needs_no_name() {
    let fork = Fork::new();
    fork.untouched(|| Ran::of(&forecast(&fork).env_remove("HOME").output().expect("it starts")).ended(10));
}

#[test]
fn a_decision_needs_a_name_that_git_knows() {
    let fork = Fork::new();
    fork.git(&["config", "user.useConfigOnly", "true"]);
    let patch = fork.git(&["rev-parse", "mitx/koa~1"]);
    let words = [&["rebase"][..], &ONTO, &["--skip", &patch, "--because", "theirs"]].concat();
    let mut command = fork.program(&fork.clone(), &words);
    for name in ["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"] {
        command.env_remove(name);
    }
    let ran = fork.untouched(|| Ran::of(&command.output().expect("it starts")));
    ran.refused(&["git does not know who you are", "git config --global user.name 'NAME'"]);
}

#[test]
fn where_temporary_files_cannot_be_made_memory_will_do_or_an_error_says_so() {
    let fork = Fork::new();
    let mut command = forecast(&fork);
    let ran = fork.untouched(|| Ran::of(&command.env("TMPDIR", fork.at("nothing")).output().expect("it starts")));
    if std::path::Path::new("/dev/shm").is_dir() {
        ran.ended(10);
    } else {
        ran.failed(&["a temporary folder could not be made"]);
    }
}
