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
fn an_earlier_result_that_the_branch_was_moved_to_is_not_published_while_a_patch_is_taken_in_again() {
    let fork = Fork::verified();
    let held = fork.held("origin");
    let second = fork.git(&["rev-parse", "mitx/koa~1"]);
    fork.git(&["branch", "--force", "mitx/koa", "refs/cutover/rebased/mitx/koa"]);
    fork.run(&[&REBASE[..], &["--unskip", &second]].concat()).ended(10);
    refused(&fork, &held);
    // An --abort that was refused midway has removed the ref already.
    fork.git(&["update-ref", "-d", "refs/cutover/rebased/mitx/koa"]);
    fork.run(&PUBLISH).refused(&["has a rebase on record whose result is gone", "--abort"]);
    assert_eq!(fork.held("origin"), held);
}

/// A rebase whose first result was verified, and the branch moved to it; then its last patch was left out, too.
fn two_results() -> (Fork, String, String) {
    let fork = Fork::new();
    fork.git(&["switch", "--quiet", "mitx/koa"]);
    fork.commit("Choose a theme", "theme.py", "THEME = 'mitx'\n");
    fork.git(&["push", "--quiet", "origin", "mitx/koa"]);
    fork.git(&["switch", "--quiet", "--detach"]);
    let patch = |name: &str| fork.git(&["rev-parse", name]);
    let (conflicting, needs_it, last) = (patch("mitx/koa~2"), patch("mitx/koa~1"), patch("mitx/koa"));
    let skips = ["--skip", &conflicting, "--because", "theirs", "--skip", &needs_it, "--because", "theirs"];
    fork.run(&[&["rebase"][..], &ONTO, &skips].concat()).ended(0);
    fork.run(&["verify", "--branch", "mitx/koa"]).ended(0);
    let first = patch("refs/cutover/rebased/mitx/koa");
    fork.git(&["branch", "--force", "mitx/koa", &first]);
    fork.run(&[&REBASE[..], &["--skip", &last, "--because", "not wanted"]].concat()).ended(0);
    let second = patch("refs/cutover/rebased/mitx/koa");
    (fork, first, second)
}

#[test]
fn of_two_results_of_a_rebase_the_one_to_publish_is_to_be_named() {
    let (fork, first, second) = two_results();
    let held = fork.held("origin");
    fork.run(&PUBLISH).refused(&["two heads", &first[..10], &second[..10], "--head"]);
    assert_eq!(fork.held("origin"), held);
    let verified = fork.run(&["verify", "--branch", "mitx/koa"]).ended(0);
    let typed = format!("publish --branch mitx/koa --head {}\n", &second[..10]);
    assert!(verified.ends_with(&typed), "{verified}");
    fork.run(&PUBLISH).refused(&["two heads"]);
    fork.run(&[&PUBLISH[..], &["--head", &second[..10]]].concat()).ended(0);
    assert!(fork.held("origin").contains(&format!("{second}\trefs/heads/mitx/koa")));
}

#[test]
fn a_commit_on_top_of_the_published_result_is_published_once_it_is_verified() {
    let fork = Fork::verified();
    fork.run(&PUBLISH).ended(0);
    fork.git(&["fetch", "--quiet", "origin"]);
    fork.git(&["branch", "--force", "mitx/koa", "origin/mitx/koa"]);
    fork.git(&["switch", "--quiet", "mitx/koa"]);
    fork.commit("Add a hotfix", "hotfix.py", "FIX = 1\n");
    fork.run(&["verify", "--branch", "mitx/koa", "--old", "origin/mitx/koa", "--new", "mitx/koa"]).ended(0);
    fork.run(&PUBLISH).ended(0);
    let head = fork.git(&["rev-parse", "mitx/koa"]);
    assert!(fork.held("origin").contains(&format!("{head}\trefs/heads/mitx/koa")));
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
