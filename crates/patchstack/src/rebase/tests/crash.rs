//! A rebase that was killed: each state that a command can leave behind is made by hand, and the same command is given
//! again. It ends as it would have ended.

use std::path::{Path, PathBuf};

use super::story::Story;
use crate::rebase::{Standing, abort, standing};

fn directory(story: &Story) -> PathBuf {
    story.sandbox.repository().join(".git/worktrees/repository.mitx-koa.rebase")
}

/// Copies what a command left behind, to be put back later.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { drop(std::fs::copy(entry.path(), target)) }
    }
}

/// Sees that a first rebase stands as it should, can be resolved, and ends where an undisturbed one does.
fn ends_as_it_should(story: &Story, first: &Standing) {
    let again = story.begin();
    assert_eq!(again, *first);
    assert_eq!(story.in_folder(&["ls-files", "--unmerged"]).lines().count(), 3);
    assert!(std::fs::read_to_string(story.folder().join("code")).expect("a file").contains("<<<<<<< HEAD"));
    assert_eq!(story.sandbox.id("refs/cutover/rebased/mitx/koa"), first.head);
    story.resolve_second();
    let done = story.proceed().expect("it goes on");
    assert_eq!((done.done, done.stop.is_none()), (3, true));
    assert_eq!(story.sandbox.git(&["worktree", "list"]).lines().count(), 1);
}

/// Begins, has `undo` take back what a kill would have kept from being written, and begins again.
fn killed_in_begin(undo: impl Fn(&Story)) {
    let story = Story::with_a_conflict();
    let first = story.begin();
    undo(&story);
    ends_as_it_should(&story, &first);
}

#[test]
fn killed_when_only_the_record_was_written() {
    killed_in_begin(|story| {
        story.sandbox.git(&["worktree", "remove", "--force", &story.folder().display().to_string()]);
        story.sandbox.git(&["update-ref", "-d", "refs/cutover/rebased/mitx/koa"]);
    });
}

#[test]
fn killed_when_the_work_ref_was_written() {
    killed_in_begin(|story| {
        story.sandbox.git(&["worktree", "remove", "--force", &story.folder().display().to_string()]);
    });
}

#[test]
fn killed_when_git_was_creating_the_folder() {
    killed_in_begin(|story| {
        std::fs::remove_dir_all(story.folder()).expect("removed");
        std::fs::remove_file(directory(story).join("cutover-rebase")).expect("removed");
        std::fs::remove_file(directory(story).join("index")).expect("removed");
        std::fs::write(directory(story).join("locked"), "initializing").expect("written");
    });
    killed_in_begin(|story| {
        std::fs::remove_dir_all(story.folder()).expect("removed");
        std::fs::create_dir(story.folder()).expect("a folder");
        std::fs::remove_file(directory(story).join("cutover-rebase")).expect("removed");
    });
}

#[test]
fn killed_when_git_was_checking_out() {
    killed_in_begin(|story| {
        std::fs::remove_file(directory(story).join("cutover-rebase")).expect("removed");
        std::fs::remove_file(directory(story).join("CHERRY_PICK_HEAD")).expect("removed");
        std::fs::remove_file(directory(story).join("index")).expect("removed");
        std::fs::write(directory(story).join("index.lock"), "").expect("written");
        std::fs::remove_file(story.folder().join("code")).expect("removed");
    });
}

#[test]
fn killed_after_the_cherry_pick() {
    killed_in_begin(|story| std::fs::remove_file(directory(story).join("cutover-rebase")).expect("removed"));
}

#[test]
fn killed_when_the_folder_was_half_removed() {
    killed_in_begin(|story| {
        std::fs::remove_file(directory(story).join("cutover-rebase")).expect("removed");
        std::fs::write(directory(story).join("cutover-rebase-going"), "").expect("written");
        std::fs::remove_file(story.folder().join(".git")).expect("removed");
    });
}

#[test]
fn a_deleted_conflict_folder_is_created_again() {
    killed_in_begin(|story| std::fs::remove_dir_all(story.folder()).expect("removed"));
}

#[test]
fn starting_again_keeps_the_work_in_the_folder() {
    let story = Story::with_a_conflict();
    story.begin();
    std::fs::write(story.folder().join("code"), "half a thought\n").expect("written");
    std::fs::write(story.folder().join("notes"), "mine\n").expect("written");
    story.begin();
    assert_eq!(std::fs::read_to_string(story.folder().join("code")).expect("a file"), "half a thought\n");
    assert!(story.folder().join("notes").exists());
}

#[test]
fn killed_when_the_resolution_was_recorded_and_the_folder_still_there() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    let (aside, aside_directory) = (story.sandbox.folder().join("aside"), story.sandbox.folder().join("aside.git"));
    copy(&story.folder(), &aside);
    copy(&directory(&story), &aside_directory);
    let work = story.sandbox.id("refs/cutover/rebased/mitx/koa");
    let done = story.proceed().expect("it goes on");
    copy(&aside, &story.folder());
    copy(&aside_directory, &directory(&story));
    story.sandbox.git(&["update-ref", "refs/cutover/rebased/mitx/koa", work.as_str()]);
    assert_eq!(standing(&story.open(), "mitx/koa").expect("it looks").expect("one").head, done.head);
    let again = story.proceed().expect("the same command again");
    assert_eq!(again, done);
    assert_eq!(story.sandbox.id("refs/cutover/rebased/mitx/koa"), done.head);
    assert!(!story.folder().exists());
}

#[test]
fn killed_during_abort() {
    let story = Story::with_a_conflict();
    let refs = story.sandbox.git(&["for-each-ref"]);
    story.begin();
    std::fs::remove_file(directory(&story).join("cutover-rebase")).expect("removed");
    std::fs::remove_dir_all(story.folder()).expect("removed");
    abort(&story.open(), "mitx/koa").expect("it is given up");
    assert_eq!(story.sandbox.git(&["for-each-ref"]), refs);
    assert_eq!(story.sandbox.git(&["worktree", "list"]).lines().count(), 1);
    assert!(!directory(&story).exists());
}

#[test]
fn a_missing_work_ref_is_created_again() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    let done = story.proceed().expect("it goes on");
    story.sandbox.git(&["update-ref", "-d", "refs/cutover/rebased/mitx/koa"]);
    assert_eq!(story.begin(), done);
    assert_eq!(story.sandbox.id("refs/cutover/rebased/mitx/koa"), done.head);
}

#[test]
fn killed_in_a_repository_whose_refs_are_in_a_table() {
    let sandbox = crate::testing::Sandbox::new();
    std::fs::remove_dir_all(sandbox.repository().join(".git")).expect("removed");
    let init = ["init", "--quiet", "--initial-branch=main", "--ref-format=reftable"];
    let made = sandbox.try_git_in(&sandbox.repository(), &init);
    if !made.status.success() {
        // Gits before 2.45 know no such repositories, so that there is nothing to protect.
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(said.contains("unknown option"), "{said}");
        return;
    }
    let story = Story::within(sandbox, &[(5, "upstream's five")], &[("five", &[(5, "our five")])]);
    let first = story.begin();
    std::fs::remove_file(directory(&story).join("cutover-rebase")).expect("removed");
    assert_eq!(story.begin(), first);
    story.sandbox.git_in(&story.folder(), &["checkout", "--quiet", "--force", "-b", "theirs"]);
    std::fs::remove_file(directory(&story).join("cutover-rebase")).expect("removed");
    let again = crate::rebase::begin(&story.open(), story.request(), &mut |_, _| {});
    assert!(again.expect_err("a branch of the operator's is there").to_string().contains("contains something else"));
}
