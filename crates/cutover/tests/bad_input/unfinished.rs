//! A rebase that is not finished: its head so far may be a commit that was verified, and is no result.

use super::fork::{Fork, ONTO};

const REBASE: [&str; 3] = ["rebase", "--branch", "mitx/koa"];
const PUBLISH: [&str; 3] = ["publish", "--branch", "mitx/koa"];

fn refused(fork: &Fork, held: &str) {
    fork.untouched(|| fork.run(&PUBLISH).refused(&["is not finished", "Serve assets from the CDN", "--continue"]));
    assert_eq!(fork.held("origin"), held);
}

#[test]
fn a_patch_that_was_taken_in_again_and_conflicts_is_not_published_without() {
    let fork = Fork::verified();
    let held = fork.held("origin");
    let second = fork.git(&["rev-parse", "mitx/koa~1"]);
    fork.run(&[&REBASE[..], &["--unskip", &second]].concat()).ended(10);
    refused(&fork, &held);
    assert!(fork.run(&["status"]).ended(0).contains("rebase     in progress"));
}

#[test]
fn a_published_branch_that_is_verified_again_stays_published() {
    let fork = Fork::verified();
    fork.run(&PUBLISH).ended(0);
    fork.git(&["fetch", "--quiet", "origin"]);
    let published = |fork: &Fork| fork.run(&["status"]).ended(0).contains("published by Alice");
    assert!(published(&fork));
    fork.run(&["verify", "--branch", "mitx/koa"]).ended(0);
    assert!(published(&fork));
}

#[test]
fn a_candidate_that_upstream_takes_back_during_the_rebase_is_told_and_not_published() {
    let fork = Fork::verified();
    for words in [&REBASE[..], &["verify", "--branch", "mitx/koa"]] {
        assert!(!fork.run(words).err.contains("taken back"), "{words:?}");
    }
    fork.git(&["push", "--quiet", "--force", "upstream", "master~1:open-release/koa.rc2"]);
    fork.git(&["fetch", "--quiet", "upstream"]);
    let words = |command: &[&str]| fork.run(command).err.split_whitespace().collect::<Vec<&str>>().join(" ");
    let told = words(&REBASE);
    assert!(
        told.contains("upstream has taken back what mitx/koa is rebased onto") && told.contains("--abort"),
        "{told}"
    );
    for command in [&["verify", "--branch", "mitx/koa"][..], &PUBLISH] {
        let refused = words(command);
        assert!(refused.contains("which upstream has withdrawn since") && refused.contains("--abort"), "{refused}");
    }
}

#[test]
fn a_rebase_that_was_begun_again_and_stops_at_a_verified_commit_is_not_published() {
    let fork = Fork::verified();
    let held = fork.held("origin");
    fork.run(&[&REBASE[..], &["--abort"]].concat()).ended(0);
    fork.run(&[&["rebase"][..], &ONTO].concat()).ended(10);
    refused(&fork, &held);
    // Also where the remote has that commit already.
    fork.git(&["push", "--quiet", "--force", "origin", "refs/cutover/rebased/mitx/koa:refs/heads/mitx/koa"]);
    fork.git(&["fetch", "--quiet", "origin"]);
    assert!(fork.run(&["status"]).ended(0).contains("rebase     in progress"));
}

#[test]
fn commits_that_only_one_of_both_copies_of_a_branch_has_are_told_before_anything_is_replayed() {
    let fork = Fork::verified();
    fork.git(&["update-ref", "refs/remotes/origin/mitx/koa", "mitx/koa~1"]);
    let words = |branch: &str| {
        let said = fork.run(&["forecast", "--branch", branch]).err;
        said.split_whitespace().collect::<Vec<&str>>().join(" ")
    };
    let told = words("origin/mitx/koa");
    assert!(told.contains("mitx/koa in this clone has a commit that origin/mitx/koa lacks"), "{told}");
    assert!(!words("mitx/koa").contains("lacks"));
}
