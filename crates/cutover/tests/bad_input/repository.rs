//! Clones that are not what they should be: shallow, partial, damaged, empty, somebody else's, or in the middle of
//! work.

use std::path::PathBuf;

use super::fork::{Fork, ONTO, Ran};

fn address(fork: &Fork, name: &str) -> String {
    format!("file://{}", fork.at(name).display())
}

#[test]
fn a_shallow_clone_is_refused_and_what_the_hint_says_makes_it_whole() {
    let fork = Fork::new();
    let (from, path) = (address(&fork, "origin.git"), fork.at("shallow"));
    fork.git_in(&fork.at(""), &["clone", "--quiet", "--depth=1", "--branch=mitx/koa", &from, "shallow"]);
    for command in ["status", "patches", "forecast", "verify", "publish", "mirror"] {
        fork.run_in(&path, &[command]).refused(&["is a shallow clone", "`git fetch --unshallow`"]);
    }
    fork.git_in(&path, &["fetch", "--quiet", "--unshallow"]);
    fork.run_in(&path, &["patches", "--base", "mitx/koa~3"]).ended(0);
}

#[test]
fn a_partial_clone_is_refused_before_git_fetches_in_the_middle_of_the_work() {
    let fork = Fork::new();
    fork.git_in(&fork.at("origin.git"), &["config", "uploadpack.allowFilter", "true"]);
    let from = address(&fork, "origin.git");
    fork.git_in(&fork.at(""), &["clone", "--quiet", "--filter=blob:none", "--branch=mitx/koa", &from, "partial"]);
    fork.run_in(&fork.at("partial"), &["forecast"]).refused(&["is a partial clone", "without --filter"]);
}

#[test]
fn a_detached_head_means_no_branch_and_a_named_one_is_worked_on() {
    let fork = Fork::new();
    fork.git(&["switch", "--quiet", "--detach"]);
    fork.untouched(|| {
        for command in ["patches", "forecast", "rebase", "verify", "publish"] {
            fork.run(&[command]).refused(&["is detached", "--branch"]);
        }
        fork.run(&[&["forecast"][..], &ONTO].concat()).ended(10);
    });
}

#[test]
fn a_dirty_tree_is_not_touched() {
    let fork = Fork::new();
    std::fs::write(fork.clone().join("settings.py"), "half done\n").expect("written");
    std::fs::write(fork.clone().join("staged.py"), "staged\n").expect("written");
    fork.git(&["add", "staged.py"]);
    fork.git(&["stash", "push", "--quiet", "--staged"]);
    std::fs::write(fork.clone().join("untracked.py"), "untracked\n").expect("written");
    fork.git(&["add", "--intent-to-add", "untracked.py"]);
    fork.untouched(|| {
        fork.run(&["status"]).ended(0);
        fork.run(&[&["forecast"][..], &ONTO].concat()).ended(10);
        fork.run(&[&["rebase"][..], &ONTO].concat()).ended(10);
        fork.run(&["rebase", "--branch", "mitx/koa", "--abort"]).ended(0);
    });
}

#[test]
fn a_file_or_a_missing_path_is_not_a_repository() {
    let fork = Fork::new();
    for path in [fork.clone().join("settings.py"), fork.at("nothing"), fork.at("")] {
        let path = path.display().to_string();
        fork.run(&["status", "--repository", &path]).refused(&["is not a git repository", "--repository"]);
    }
}

#[test]
fn a_repository_that_git_does_not_trust_is_refused_and_the_command_of_the_hint_works_as_typed() {
    let fork = Fork::new();
    fork.wrap_git("export GIT_TEST_ASSUME_DIFFERENT_OWNER=1");
    fork.untouched(|| {
        for words in [&["status"][..], &["patches"], &["publish", "--branch", "mitx/koa"]] {
            fork.run(words).refused(&["git does not trust", "belongs to somebody else"]);
        }
    });
    let error = fork.run(&["status"]).refused(&[]);
    let command = error.trim_end().rsplit_once("If you do: ").expect("a command").1.to_owned();
    let typed = fork.command("sh", super::fork::path()).args(["-c", &command]).output().expect("sh starts");
    assert!(typed.status.success(), "{command}: {}", String::from_utf8_lossy(&typed.stderr));
    fork.run(&["status"]).ended(0);
}

/// Where a loose object is.
fn object(fork: &Fork, name: &str) -> PathBuf {
    let id = fork.git(&["rev-parse", name]);
    fork.clone().join(".git/objects").join(&id[..2]).join(&id[2..])
}

#[test]
fn missing_and_damaged_objects_are_said_to_be_so() {
    for name in ["mitx/koa:settings.py", "mitx/koa~1", "mitx/koa~1^{tree}"] {
        let fork = Fork::new();
        let path = object(&fork, name);
        std::fs::remove_file(&path).expect("it was there");
        fork.run(&[&["forecast"][..], &ONTO].concat()).failed(&["git fsck"]);
        std::fs::write(&path, "no object").expect("written");
        fork.run(&[&["forecast"][..], &ONTO].concat()).failed(&["git fsck"]);
    }
    let fork = Fork::new();
    std::fs::write(fork.clone().join(".git/refs/heads/mitx/koa"), format!("{}\n", "1".repeat(40))).expect("written");
    fork.run(&[&["forecast"][..], &ONTO].concat()).failed(&["git fsck", "refs/heads/mitx/koa"]);
}

#[test]
fn a_clone_that_borrows_from_a_repository_that_has_gone_is_refused_by_its_name() {
    let fork = Fork::new();
    fork.git_in(&fork.at(""), &["clone", "--quiet", "--shared", "--branch=mitx/koa", "edx-platform", "shared"]);
    std::fs::rename(fork.clone(), fork.at("away")).expect("moved");
    for command in ["status", "patches", "forecast"] {
        let ran = fork.run_in(&fork.at("shared"), &[command]);
        ran.refused(&["borrows its objects from", "edx-platform/.git/objects", "does not exist"]);
    }
    std::fs::rename(fork.at("away"), fork.clone()).expect("moved");
    fork.run_in(&fork.at("shared"), &["patches", "--base", "mitx/koa~3"]).ended(0);
}

#[test]
fn a_repository_without_commits_is_told_what_it_lacks() {
    let fork = Fork::new();
    fork.git_in(&fork.at(""), &["init", "--quiet", "--initial-branch=master", "empty"]);
    let empty = fork.at("empty");
    fork.run_in(&empty, &["status"]).refused(&["no remote named upstream"]);
    fork.run_in(&empty, &["patches"]).refused(&["master"]);
    fork.run_in(&empty, &["forecast", "--branch", "mitx/koa", "--onto", "master"]).refused(&["mitx/koa"]);
    for remote in ["upstream", "origin"] {
        let address = fork.at(&format!("{remote}.git")).display().to_string();
        fork.git_in(&empty, &["remote", "add", remote, &address]);
    }
    fork.run_in(&empty, &["create", "koa"]).refused(&["`git fetch upstream`"]);
    assert!(fork.run_in(&empty, &["status"]).ended(0).contains("There is no branch like mitx/{codename}"));
}

#[test]
fn a_branch_without_patches_can_be_rebased() {
    let fork = Fork::new();
    fork.git(&["branch", "--no-track", "mitx/juniper", "upstream/open-release/koa.rc1"]);
    let words = ["--branch", "mitx/juniper", "--onto", "upstream/open-release/koa.rc2"];
    assert!(fork.run(&["patches", "--branch", "mitx/juniper"]).ended(0).contains("0 patches"));
    assert!(fork.run(&[&["forecast"][..], &words].concat()).ended(0).contains("There are no patches"));
    fork.run(&[&["rebase"][..], &words].concat()).ended(0);
    fork.run(&["verify", "--branch", "mitx/juniper"]).ended(0);
    fork.run(&["publish", "--branch", "mitx/juniper"]).ended(0);
    let new = fork.git(&["rev-parse", "upstream/open-release/koa.rc2"]);
    assert!(fork.held("origin").contains(&format!("{new}\trefs/heads/mitx/juniper")));
}

#[test]
fn onto_what_it_stands_on_already_a_branch_stays_the_same() {
    let fork = Fork::new();
    let words = ["rebase", "--branch", "mitx/koa", "--onto", "upstream/open-release/koa.rc1"];
    fork.untouched(|| fork.run(&words).ended(0));
    assert_eq!(fork.git(&["rev-parse", "refs/cutover/rebased/mitx/koa"]), fork.git(&["rev-parse", "mitx/koa"]));
}

#[test]
fn a_base_outside_the_branch_means_the_merge_base() {
    let fork = Fork::new();
    let with = |base: &str| -> serde_json::Value {
        let ran: Ran = fork.run(&[&["forecast"][..], &ONTO, &["--base", base, "--json"]].concat());
        serde_json::from_str(&ran.ended(10)).expect("JSON")
    };
    let (mut inside, outside) = (with("upstream/open-release/koa.rc1"), with("upstream/open-release/koa.rc2"));
    inside["base_found"] = "given as where it parts from upstream/open-release/koa.rc2".into();
    assert_eq!(inside, outside, "it begins where the two part");
    fork.git(&["switch", "--quiet", "--orphan", "strange"]);
    fork.git(&["commit", "--quiet", "--allow-empty", "--message", "Strange"]);
    fork.run(&[&["forecast"][..], &ONTO, &["--base", "strange"]].concat())
        .refused(&["have no commit in common", "--base"]);
}

#[test]
fn without_permission_to_write_git_the_program_says_so() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let fork = Fork::new();
    fork.git(&["config", "--global", "safe.directory", "*"]);
    let chmod = |mode: &str, path: PathBuf| {
        let mut command = fork.command("chmod", super::fork::path());
        assert!(command.args(["-R", mode]).arg(path).status().expect("chmod starts").success());
    };
    chmod("a-w", fork.clone().join(".git"));
    // Root may write everywhere, so there the program runs as nobody, from a folder that nobody may read.
    let is_root = std::fs::metadata(fork.at("")).expect("a folder").uid() == 0;
    std::fs::set_permissions(fork.at(""), std::fs::Permissions::from_mode(0o755)).expect("opened");
    let program = fork.at("cutover");
    std::fs::copy(env!("CARGO_BIN_EXE_cutover"), &program).expect("copied");
    let run = |arguments: &[&str]| {
        let mut command = fork.command(&program, super::fork::path());
        command.arg("branch").args(arguments).current_dir(fork.clone());
        if is_root {
            command.uid(65534).gid(65534);
        }
        Ran::of(&command.output().expect("it starts"))
    };
    fork.untouched(|| {
        run(&["status"]).ended(0);
        run(&[&["forecast"][..], &ONTO].concat()).ended(10);
        run(&[&["rebase"][..], &ONTO].concat()).failed(&["ermission"]);
        run(&["create", "lilac", "--from", "master"]).failed(&["get that permission"]);
        run(&["verify", "--branch", "mitx/koa", "--old", "mitx/koa", "--new", "mitx/koa"]).failed(&["ermission"]);
    });
    chmod("u+w", fork.clone().join(".git"));
}
