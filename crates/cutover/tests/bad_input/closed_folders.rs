//! Commands of `rebase --exec` that leave folders which cannot be read or written, as databases and module caches do.

use std::process::Command;

use super::fork::{Fork, ONTO, Ran};

/// A fork whose branch can be rebased without conflicts. Its files belong to a user who may not read everything.
fn fork() -> Fork {
    let fork = Fork::new();
    fork.git(&["branch", "--force", "mitx/koa", "mitx/koa~2"]);
    if is_root() {
        let top = fork.at("");
        let status = Command::new("chown").args(["-R", "65534:65534"]).arg(&top).status().expect("chown starts");
        assert!(status.success());
    }
    fork
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn run(fork: &Fork, words: &[&str]) -> Ran {
    let program = fork.program(&fork.clone(), words);
    if !is_root() {
        return fork.run(words);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program.get_program());
    command.args(program.get_args()).current_dir(fork.clone()).env_clear();
    let variables = program.get_envs().filter_map(|(name, value)| Some((name, value?)));
    Ran::of(&command.envs(variables).output().expect("setpriv starts"))
}

fn exec(fork: &Fork, command: &str) -> Ran {
    run(fork, &[&["rebase"][..], &ONTO, &["--exec", command]].concat())
}

#[test]
fn a_command_that_succeeds_and_leaves_closed_folders_has_succeeded_and_they_are_removed() {
    for leave in
        ["mkdir -p pg/data && chmod 000 pg/data", "mkdir -p mod/cache && : > mod/cache/f && chmod 500 mod/cache"]
    {
        let fork = fork();
        exec(&fork, leave).ended(0);
        assert!(!fork.at("edx-platform.mitx-koa.rebase.exec").exists(), "{leave}");
        run(&fork, &["verify", "--branch", "mitx/koa"]).ended(0);
    }
}

#[test]
fn a_command_that_fails_and_leaves_a_closed_folder_is_run_again_and_given_up() {
    let fork = fork();
    exec(&fork, "mkdir -p pg/data; chmod 000 pg/data; false").ended(10);
    run(&fork, &["rebase", "--branch", "mitx/koa", "--continue"]).ended(10);
    run(&fork, &["rebase", "--branch", "mitx/koa", "--abort"]).ended(0);
}
