//! A person who leaves the conflict in the folder by mistake: what is printed leads back, and moves nothing.

use super::story::{Story, words};
use crate::rebase::standing;

/// The commands of a hint that begin with `git`, without `git -C FOLDER`.
fn commands(hint: &str) -> Vec<Vec<String>> {
    let quoted = hint.split('`').skip(1).step_by(2).filter(|command| command.starts_with("git -C"));
    quoted.map(|command| command.split(' ').skip(3).map(str::to_owned).collect()).collect()
}

fn typed(story: &Story, command: &[String]) {
    story.in_folder(&command.iter().map(String::as_str).collect::<Vec<&str>>());
}

#[test]
fn a_branch_that_is_checked_out_in_the_folder_is_never_moved_by_what_is_printed() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    story.in_folder(&["commit", "--quiet", "--no-edit"]);
    let committed = story.in_folder(&["rev-parse", "HEAD"]);
    story.in_folder(&["switch", "--quiet", "mitx/koa"]);
    let before = story.sandbox.id("mitx/koa");
    let refused = words(story.proceed());
    assert!(refused.contains("or at one commit on top of it") && !refused.contains("reset"), "{refused}");
    let ways = commands(&refused);
    assert_eq!(ways.len(), 2, "{refused}");
    typed(&story, &ways[0]);
    assert_eq!((story.in_folder(&["rev-parse", "HEAD"]), story.sandbox.id("mitx/koa")), (committed, before));
    assert!(story.proceed().expect("it goes on").stop.is_none());
}

#[test]
fn commits_on_a_branch_of_the_persons_own_are_taken_together_without_moving_it() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    story.in_folder(&["commit", "--quiet", "--no-edit"]);
    story.in_folder(&["switch", "--quiet", "--create", "attempt"]);
    story.in_folder(&["commit", "--quiet", "--allow-empty", "--message", "one more"]);
    let before = story.sandbox.id("attempt");
    let refused = words(story.proceed());
    commands(&refused).iter().for_each(|command| typed(&story, command));
    assert_eq!(story.sandbox.id("attempt"), before, "{refused}");
    assert!(story.proceed().expect("it goes on").stop.is_none());
}

#[test]
fn a_cherry_pick_that_was_given_up_in_the_folder_is_shown_again() {
    for leave in [&["cherry-pick", "--abort"][..], &["reset", "--quiet", "--hard"]] {
        let story = Story::with_a_conflict();
        let first = story.begin().stop.expect("a stop");
        story.in_folder(leave);
        let told = standing(&story.open(), "mitx/koa").expect("told").expect("under way").stop.expect("still");
        assert!(told.given_up && told.files.is_empty(), "{told:?}");
        let new = story.folder().join("helper.py");
        std::fs::write(&new, "a part of the resolution\n").expect("written");
        assert!(words(story.proceed()).contains("new and not added"), "nothing is lost by showing it again");
        std::fs::remove_file(&new).expect("removed");
        assert_eq!(story.proceed().expect("shown").stop, Some(first));
        story.resolve_second();
        assert!(story.proceed().expect("it goes on").stop.is_none());
    }
}

#[test]
fn a_file_that_was_staged_elsewhere_is_no_resolution_of_a_conflict_that_was_given_up() {
    let stage = |story: &Story| {
        std::fs::write(story.folder().join("other"), "of another work\n").expect("written");
        story.in_folder(&["add", "other"]);
    };
    let story = Story::with_a_conflict();
    let first = story.begin().stop.expect("a stop");
    story.in_folder(&["cherry-pick", "--abort"]);
    stage(&story);
    let refused = words(story.proceed());
    assert!(refused.contains("was given up") && refused.contains("other"), "{refused}");
    commands(&refused).iter().for_each(|command| typed(&story, command));
    assert_eq!(story.proceed().expect("shown").stop, Some(first.clone()), "as it was printed");

    // On a branch, with that file staged on top.
    story.in_folder(&["reset", "--quiet", "--hard"]);
    story.in_folder(&["switch", "--quiet", "mitx/koa"]);
    stage(&story);
    let refused = words(story.proceed());
    commands(&refused).iter().for_each(|command| typed(&story, command));
    assert_eq!(story.proceed().expect("shown").stop, Some(first), "{refused}");
}

#[test]
fn a_resolution_that_leaves_nothing_is_not_taken_for_one_that_was_given_up() {
    let story = Story::with_a_conflict();
    story.begin();
    story.in_folder(&["checkout", "--quiet", "--ours", "code"]);
    story.in_folder(&["checkout", "--quiet", "HEAD", "--", "code"]);
    assert!(words(story.proceed()).contains("leaves nothing of"));
}

#[test]
fn a_branch_that_was_moved_to_the_head_so_far_is_noticed() {
    let story = Story::with_a_conflict();
    let so_far = story.begin().head;
    story.resolve_second();
    story.sandbox.git(&["update-ref", "refs/heads/mitx/koa", so_far.as_str()]);
    assert!(words(story.proceed()).contains("moved since the rebase was started"));
}
