//! A person's work in the folder of a conflict is noticed, whatever it is.

use super::story::{Story, words};

/// Something that a person does in the folder, and what it is called.
type Work<'a> = (&'a str, &'a dyn Fn(&Story));

/// Stopped at the second of two conflicts, with the first patch left out by mistake.
fn by_mistake() -> (Story, String) {
    let story = Story::new(
        &[(10, "upstream's ten"), (18, "upstream's eighteen")],
        &[("first", &[(10, "our ten")]), ("second", &[(10, "our ten"), (18, "our eighteen")])],
    );
    story.begin();
    let first = story.sandbox.id("mitx/koa~1").to_string();
    assert!(story.skip(&first, "a mistake").expect("it goes on").stop.is_some());
    (story, first)
}

#[test]
fn a_patch_is_not_taken_in_again_over_work_of_any_kind() {
    let works: [Work<'_>; 6] = [
        ("another file", &|story| std::fs::write(story.folder().join("other"), "hours\n").expect("written")),
        ("another file that is staged", &|story| {
            std::fs::write(story.folder().join("other"), "hours\n").expect("written");
            story.in_folder(&["add", "other"]);
        }),
        ("a new file that is staged", &|story| {
            std::fs::write(story.folder().join("helper"), "hours\n").expect("written");
            story.in_folder(&["add", "helper"]);
        }),
        ("a renamed file", &|story| drop(story.in_folder(&["mv", "other", "another"]))),
        ("a resolution with the old time", &|story| {
            let path = story.folder().join("code");
            let before = std::fs::metadata(&path).and_then(|file| file.modified()).expect("a time");
            let text = std::fs::read_to_string(&path).expect("a file").replace("our", "oUr");
            std::fs::write(&path, text).expect("written");
            std::fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(before)).expect("set");
        }),
        ("a clone", &|story| {
            let from = story.sandbox.repository().display().to_string();
            story.in_folder(&["clone", "--quiet", &from, "vendor"]);
        }),
    ];
    for (what, work) in works {
        let (story, first) = by_mistake();
        work(&story);
        let listed = story.in_folder(&["status", "--porcelain"]);
        let refused = words(story.unskip(&first));
        assert!(refused.contains("somebody has begun to resolve"), "{what}: {refused}");
        assert_eq!(story.in_folder(&["status", "--porcelain"]), listed, "{what}");
    }
}

#[test]
fn a_conflict_that_was_taken_out_of_the_folder_is_shown_again() {
    for habit in [&["cherry-pick", "--abort"][..], &["reset", "--quiet", "--hard"]] {
        let (story, _) = by_mistake();
        story.in_folder(habit);
        let stop = story.proceed().expect("it is shown").stop.expect("a stop");
        assert_eq!((stop.subject.as_str(), stop.files.len()), ("second", 1), "{habit:?}");
        assert!(std::fs::read_to_string(story.folder().join("code")).expect("a file").contains("<<<<<<<"));
    }
}

#[test]
fn a_folder_that_stands_on_a_branch_is_not_told_to_move_it() {
    let (story, _) = by_mistake();
    story.in_folder(&["add", "code"]);
    story.in_folder(&["commit", "--quiet", "--message", "resolved"]);
    story.in_folder(&["switch", "--quiet", "mitx/koa"]);
    let refused = words(story.proceed());
    assert!(!refused.contains("reset") && refused.contains("git worktree remove --force"), "{refused}");
    story.in_folder(&["switch", "--quiet", "--create", "mine", "refs/cutover/rebased/mitx/koa"]);
    for subject in ["one", "two"] {
        story.in_folder(&["commit", "--quiet", "--allow-empty", "--message", subject]);
    }
    let refused = words(story.proceed());
    assert!(refused.contains("mine is checked out in that folder: first `git switch --detach`"), "{refused}");
}

#[test]
fn an_ignored_file_is_work_as_well() {
    let (story, first) = by_mistake();
    std::fs::write(story.folder().join(".gitignore"), "*.tmp\n").expect("written");
    std::fs::create_dir(story.folder().join("notes")).expect("a folder");
    std::fs::write(story.folder().join("notes/mine.tmp"), "hours\n").expect("written");
    std::fs::remove_file(story.folder().join(".gitignore")).expect("removed");
    assert!(words(story.unskip(&first)).contains("somebody has begun to resolve"));
    std::fs::remove_dir_all(story.folder().join("notes")).expect("removed");
    assert_eq!(story.unskip(&first).expect("nothing is left of it").stop.expect("a stop").subject, "first");
}

#[test]
fn a_repository_that_was_cloned_into_the_folder_is_not_removed_with_it() {
    let (story, _) = by_mistake();
    let from = story.sandbox.repository().display().to_string();
    story.in_folder(&["clone", "--quiet", &from, "vendor"]);
    let refused = words(crate::rebase::abort(&story.open(), "mitx/koa"));
    assert!(refused.contains("or repositories cloned") && story.folder().join("vendor/.git").exists(), "{refused}");
    std::fs::remove_dir_all(story.folder().join("vendor")).expect("removed");
    crate::rebase::abort(&story.open(), "mitx/koa").expect("aborted");
}
