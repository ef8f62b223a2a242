//! Work that is under way already: the operator's own rebase, one of ours, and lock files of whoever else.

use super::fork::{Fork, ONTO, Ran};

fn rebase() -> Vec<&'static str> {
    ["rebase"].into_iter().chain(ONTO).collect()
}

#[test]
fn while_git_rebases_the_branch_it_can_be_forecast_but_not_rebased() {
    let fork = Fork::new();
    fork.git(&["switch", "--quiet", "mitx/koa"]);
    let mut own = fork.command("git", super::fork::path());
    own.args(["rebase", "--quiet", "upstream/open-release/koa.rc2"]).current_dir(fork.clone());
    assert!(!own.output().expect("git starts").status.success(), "it stops at the conflict");
    fork.untouched(|| {
        fork.run(&[&["forecast"][..], &ONTO].concat()).ended(10);
        fork.run(&rebase()).refused(&["git is rebasing mitx/koa", "`git rebase --abort`"]);
        fork.run(&["status"]).ended(0);
    });
    fork.git(&["rebase", "--abort"]);
    fork.run(&rebase()).ended(10);
}

#[test]
fn a_rebase_is_not_started_again_with_other_arguments() {
    let fork = Fork::new();
    fork.run(&rebase()).ended(10);
    let folder = fork.at("edx-platform.mitx-koa.rebase");
    std::fs::write(folder.join("settings.py"), "half resolved\n").expect("written");
    let branch = ["rebase", "--branch", "mitx/koa"];
    let with = |more: &[&'static str]| [&branch[..], more].concat();
    fork.untouched(|| {
        fork.run(&with(&["--onto", "upstream/open-release/koa.rc1"])).refused(&[
            "is under way",
            "--continue",
            "--abort",
        ]);
        fork.run(&with(&["--continue"])).refused(&["unresolved", "settings.py", "git add"]);
        fork.run(&with(&["--skip", "mitx/nope", "--because", "x"])).refused(&["names none of the 3 patches"]);
        fork.run(&with(&["--skip", "1234", "--because", " "])).refused(&[]);
        fork.run(&["verify", "--branch", "mitx/koa"]).refused(&["is not finished", "--continue"]);
        fork.run(&["publish", "--branch", "mitx/koa"]).refused(&["is not finished"]);
    });
    assert!(fork.run(&["status"]).ended(0).contains("rebase     in progress, onto upstream/open-release/koa.rc2"));
    let here = fork.run_in(&folder, &["rebase"]).ended(10);
    assert!(here.contains("mitx/koa") && here.contains("STOPPED after 1 of 3"), "its folder knows its branch: {here}");
    assert_eq!(std::fs::read_to_string(folder.join("settings.py")).expect("a file"), "half resolved\n");
    fork.run(&rebase()).ended(10);
    assert_eq!(std::fs::read_to_string(folder.join("settings.py")).expect("a file"), "half resolved\n");
}

#[test]
fn whoever_stood_in_a_folder_that_has_gone_is_told_so() {
    let fork = Fork::new();
    std::fs::create_dir(fork.at("gone")).expect("a folder");
    let program = env!("CARGO_BIN_EXE_cutover");
    let line = format!("rmdir ../gone && exec '{program}' branch status");
    let output = fork.command("sh", super::fork::path()).args(["-c", &line]).current_dir(fork.at("gone")).output();
    Ran::of(&output.expect("sh starts")).refused(&["the current folder does not exist any more", "cd to the clone"]);
}

#[test]
fn locks_on_what_is_not_written_do_not_matter() {
    let fork = Fork::new();
    let locks = ["index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "refs/heads/mitx/koa.lock"];
    let locks = locks.map(|name| fork.clone().join(".git").join(name));
    locks.iter().for_each(|lock| std::fs::write(lock, "").expect("written"));
    fork.untouched(|| {
        fork.run(&["status"]).ended(0);
        fork.run(&[&["forecast"][..], &ONTO].concat()).ended(10);
        fork.run(&rebase()).ended(10);
    });
}

#[test]
fn a_locked_work_ref_stops_start_and_abort_of_a_rebase_without_loss() {
    let fork = Fork::new();
    let lock = fork.clone().join(".git/refs/cutover/rebased/mitx/koa.lock");
    std::fs::create_dir_all(lock.parent().expect("a folder")).expect("a folder");
    std::fs::write(&lock, "").expect("written");
    let named = ["refs/cutover/rebased/mitx/koa.lock': File exists", "remove the .lock file"];
    let error = fork.untouched(|| fork.run(&rebase()).failed(&named));
    assert!(!error.contains("git commit"), "git's advice is not ours: {error}");
    std::fs::remove_file(&lock).expect("it was there");
    fork.run(&rebase()).ended(10);
    let folder = fork.at("edx-platform.mitx-koa.rebase");
    std::fs::write(&lock, "").expect("written");
    fork.run(&["rebase", "--branch", "mitx/koa", "--abort"]).failed(&named);
    assert!(folder.join("settings.py").exists(), "what was done in the folder is still there");
    std::fs::remove_file(&lock).expect("it was there");
    fork.run(&["rebase", "--branch", "mitx/koa", "--abort"]).ended(0);
    assert!(!folder.exists());
}

#[test]
fn a_stale_lock_file_of_ours_is_ignored() {
    let fork = Fork::new();
    let folder = fork.clone().join(".git/cutover/rebase");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("mitx%2Fkoa.lock"), "").expect("written");
    fork.run(&rebase()).ended(10);
    fork.run(&["rebase", "--branch", "mitx/koa", "--abort"]).ended(0);
}

#[test]
fn while_another_cutover_works_on_the_branch_it_is_waited_for() {
    let fork = Fork::new();
    let folder = fork.clone().join(".git/cutover/rebase");
    std::fs::create_dir_all(&folder).expect("a folder");
    let held = std::fs::File::create(folder.join("mitx%2Fkoa.lock")).expect("a file");
    held.lock().expect("held");
    fork.untouched(|| fork.run(&rebase()).refused(&["another cutover is working on the rebase of mitx/koa"]));
    drop(held);
    fork.run(&rebase()).ended(10);
}

#[test]
fn a_locked_ledger_is_not_half_written() {
    let fork = Fork::verified();
    let before = fork.git(&["rev-parse", "refs/notes/cutover"]);
    let lock = fork.clone().join(".git/refs/notes/cutover.lock");
    std::fs::write(&lock, "").expect("written");
    let held = fork.held("origin");
    fork.run(&["verify", "--branch", "mitx/koa"]).failed(&["refs/notes/cutover.lock': File exists"]);
    fork.run(&["publish", "--branch", "mitx/koa"]).failed(&["refs/notes/cutover.lock': File exists"]);
    assert_eq!(fork.git(&["rev-parse", "refs/notes/cutover"]), before);
    let branch = |text: &str| text.lines().find(|line| line.ends_with("refs/heads/mitx/koa")).map(str::to_owned);
    assert_eq!(branch(&fork.held("origin")), branch(&held));
    std::fs::remove_file(&lock).expect("it was there");
    fork.run(&["publish", "--branch", "mitx/koa"]).ended(0);
}
