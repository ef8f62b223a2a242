//! Remotes on bad days: the branch moved, the lease fails in the last moment, hooks refuse, nobody answers.

use super::fork::{Fork, write_script};

const PUBLISH: [&str; 3] = ["publish", "--branch", "mitx/koa"];

/// A colleague's clone, with a commit of its own pushed to the branch.
fn colleague_pushes(fork: &Fork) -> String {
    fork.git_in(&fork.at(""), &["clone", "--quiet", "--branch=mitx/koa", "origin.git", "colleague"]);
    let colleague = fork.at("colleague");
    fork.git_in(&colleague, &["commit", "--quiet", "--allow-empty", "--message", "Bob's"]);
    fork.git_in(&colleague, &["push", "--quiet"]);
    fork.git_in(&colleague, &["rev-parse", "HEAD"])
}

#[test]
fn a_branch_that_moved_on_the_remote_since_the_fetch_is_not_pushed_over() {
    let fork = Fork::verified();
    let theirs = colleague_pushes(&fork);
    let held = fork.held("origin");
    fork.untouched(|| {
        fork.run(&PUBLISH).refused(&[&theirs[..10], "a commit that this clone lacks", "`git fetch origin`"])
    });
    fork.git(&["fetch", "--quiet", "origin"]);
    fork.untouched(|| fork.run(&PUBLISH).refused(&["committed by Alice <alice@mit.edu>", "verify and publish again"]));
    assert_eq!(fork.held("origin"), held, "no backup was made of what is not replaced");
}

#[test]
fn a_lease_that_fails_at_the_last_moment_keeps_the_other_push() {
    let fork = Fork::verified();
    fork.git(&["push", "--quiet", "origin", "master:refs/heads/elsewhere"]);
    let other = fork.git(&["rev-parse", "master"]);
    let origin = fork.at("origin.git");
    fork.wrap_git(&format!(
        "case \" $* \" in *' push '*':refs/heads/mitx/koa'*) /bin/echo {other} > '{}/refs/heads/mitx/koa';; esac",
        origin.display()
    ));
    fork.run(&PUBLISH).refused(&["mitx/koa", "backup"]);
    let held = fork.held("origin");
    assert!(held.contains(&format!("{other}\trefs/heads/mitx/koa")), "{held}");
    assert!(!held.contains("refs/notes/cutover"), "the ledger goes with the branch or not at all: {held}");
}

#[test]
fn the_words_of_a_refusing_remote_are_kept() {
    let fork = Fork::verified();
    let held = fork.held("origin");
    let hooks = fork.at("origin.git/hooks");
    write_script(&hooks.join("pre-receive"), "#!/bin/sh\necho No pushes on Friday >&2\nexit 1\n");
    fork.untouched(|| fork.run(&PUBLISH).refused(&["pre-receive hook declined; it says: No pushes on Friday"]));
    assert_eq!(fork.held("origin"), held);
    let mirrored = fork.run(&["mirror"]).ended(1);
    assert!(mirrored.contains("REFUSED") && mirrored.contains("No pushes on Friday"), "{mirrored}");
    std::fs::remove_file(hooks.join("pre-receive")).expect("it was there");

    let update = "#!/bin/sh\ncase $1 in refs/heads/*) echo this branch is protected >&2; exit 1;; esac\n";
    write_script(&hooks.join("update"), update);
    let error = fork.run(&PUBLISH).refused(&["this branch is protected", "was also saved as refs/cutover/backup/"]);
    assert!(error.contains("nothing of mitx/koa was pushed"), "{error}");
    let now = fork.held("origin");
    let others = |text: &str| text.lines().filter(|line| !line.contains("/backup/")).collect::<Vec<_>>().join("\n");
    assert_eq!(others(&now), held);
    std::fs::remove_file(hooks.join("update")).expect("it was there");
    fork.run(&PUBLISH).ended(0);
    assert_eq!(fork.held("origin").matches("/backup/").count(), 1, "the backup of the first attempt will do");
}

#[test]
fn a_locked_branch_on_the_remote_is_named() {
    let fork = Fork::verified();
    let lock = fork.at("origin.git/refs/heads/mitx/koa.lock");
    std::fs::write(&lock, "").expect("written");
    let error = fork.run(&PUBLISH).refused(&["koa.lock': File exists", "Correct what origin complains about"]);
    assert!(!error.contains("git commit"), "{error}");
    assert!(!fork.held("origin").contains("refs/notes/cutover"));
    std::fs::remove_file(&lock).expect("it was there");
    fork.run(&PUBLISH).ended(0);
}

#[test]
fn a_missing_remote_moves_nothing() {
    let fork = Fork::verified();
    std::fs::rename(fork.at("origin.git"), fork.at("gone.git")).expect("moved");
    fork.untouched(|| {
        fork.run(&PUBLISH).failed(&["could not list the refs of origin", "Try `git ls-remote`"]);
        fork.run(&["mirror"]).failed(&["could not list the refs of origin"]);
    });
    fork.run(&["status"]).ended(0);
}

#[test]
fn a_watch_that_fetched_from_upstream_and_not_from_origin_does_not_say_that_no_ref_moved() {
    let fork = Fork::new();
    fork.git(&["push", "--quiet", "upstream", "master:open-release/koa.rc3"]);
    fork.git(&["update-ref", "-d", "refs/remotes/upstream/open-release/koa.rc3"]);
    std::fs::rename(fork.at("origin.git"), fork.at("gone.git")).expect("moved");
    let watch = ["watch", "--branch", "mitx/koa"];
    let error = fork.run(&watch).failed(&["could not fetch origin", "no branch was moved here", "Try `git ls-remote`"]);
    assert!(!error.contains("no ref"), "{error}");
    fork.git(&["rev-parse", "--verify", "refs/remotes/upstream/open-release/koa.rc3"]);
    std::fs::rename(fork.at("gone.git"), fork.at("origin.git")).expect("back");
    assert!(fork.run(&watch).ended(10).contains("koa.rc3"), "nobody has been told of it yet");
}
