//! What a person does in the folder of a conflict is never destroyed without a word, whatever it is.

use std::path::Path;

use super::story::{Story, words};
use crate::rebase::abort;

/// Stops at the third patch, after the second was left out by mistake.
fn stopped_after_a_skip() -> (Story, String) {
    let story = Story::new(
        &[(10, "upstream's ten"), (18, "upstream's eighteen")],
        &[
            ("first", &[(2, "two")]),
            ("second", &[(2, "two"), (10, "our ten")]),
            ("third", &[(2, "two"), (10, "our ten"), (18, "x")]),
        ],
    );
    std::fs::write(story.sandbox.repository().join(".git/info/exclude"), "*.tmp\n").expect("written");
    story.begin();
    let second = story.sandbox.id("mitx/koa~1").as_str().to_owned();
    story.skip(&second, "a mistake").expect("it goes on").stop.expect("the third conflicts");
    (story, second)
}

fn append(path: &Path, text: &str) {
    let before = std::fs::read_to_string(path).unwrap_or_default();
    std::fs::write(path, before + text).expect("written");
}

/// Makes a repository with a commit of its own below the folder.
fn clone_into(story: &Story, name: &str) {
    story.in_folder(&["init", "--quiet", name]);
    let path = story.folder().join(name);
    story.sandbox.git_in(&path, &["commit", "--quiet", "--allow-empty", "--message", "work"]);
}

#[test]
fn a_patch_is_not_taken_in_again_over_work_of_any_kind() {
    type Work = (&'static str, fn(&Story));
    let kinds: [Work; 9] = [
        ("another file is edited", |story| append(&story.folder().join("other"), "hours of work\n")),
        ("an edit is staged", |story| {
            append(&story.folder().join("other"), "hours of work\n");
            story.in_folder(&["add", "other"]);
        }),
        ("a new file is staged", |story| {
            append(&story.folder().join("helper.py"), "hours of work\n");
            story.in_folder(&["add", "helper.py"]);
        }),
        ("a file is renamed", |story| drop(story.in_folder(&["mv", "other", "another"]))),
        ("an ignored file is made", |story| append(&story.folder().join("notes.tmp"), "hours of work\n")),
        ("a resolved file has an old time", |story| {
            let path = story.folder().join("code");
            std::fs::write(&path, "resolved\n").expect("written");
            let file = std::fs::File::open(&path).expect("a file");
            file.set_modified(std::time::UNIX_EPOCH).expect("an old time");
        }),
        ("a repository is cloned there", |story| clone_into(story, "vendor")),
        ("a commit is made and left again", |story| {
            story.in_folder(&["commit", "--quiet", "--allow-empty", "--all", "--message", "work"]);
            story.in_folder(&["checkout", "--quiet", "HEAD~1"]);
        }),
        ("an edit is hidden from git", |story| {
            story.in_folder(&["update-index", "--assume-unchanged", "other"]);
            append(&story.folder().join("other"), "hours of work\n");
        }),
    ];
    for (kind, work) in kinds {
        let (story, second) = stopped_after_a_skip();
        work(&story);
        let before = story.in_folder(&["status", "--porcelain", "--ignored"]);
        let refused = words(story.unskip(&second));
        assert!(refused.contains("somebody has begun to resolve"), "{kind}: {refused}");
        assert_eq!(story.in_folder(&["status", "--porcelain", "--ignored"]), before, "{kind}");
    }
}

#[test]
fn looking_at_the_folder_is_no_work() {
    let (story, second) = stopped_after_a_skip();
    story.in_folder(&["status"]);
    story.in_folder(&["diff"]);
    let swap = story.folder().join(".code.swp");
    std::fs::write(&swap, "an editor is open\n").expect("written");
    std::fs::remove_file(&swap).expect("removed");
    assert_eq!(story.unskip(&second).expect("taken in").stop.expect("its conflict").subject, "second");
}

#[test]
fn new_files_are_not_removed_with_a_conflict_that_is_left_out_or_aborted() {
    let story = Story::with_a_conflict();
    story.begin();
    let notes = story.folder().join("notes.txt");
    std::fs::write(&notes, "hours of work\n").expect("written");
    let second = story.sandbox.id("mitx/koa~1");
    for refused in [words(story.skip(second.as_str(), "not needed")), words(abort(&story.open(), "mitx/koa"))] {
        assert!(refused.contains("new and not added in") && refused.contains("notes.txt"), "{refused}");
        assert!(refused.contains("nothing was changed; remove them or move them away"), "{refused}");
        assert!(notes.exists());
    }
    std::fs::remove_file(&notes).expect("moved away");
    abort(&story.open(), "mitx/koa").expect("it is given up");
}

#[test]
fn a_clone_below_the_folder_is_never_removed_with_it() {
    for name in ["vendor", "themes/mitx"] {
        let story = Story::with_a_conflict();
        story.begin();
        clone_into(&story, name);
        let at_work = || story.folder().join(name).join(".git").exists();
        assert!(words(abort(&story.open(), "mitx/koa")).contains(&format!("{name} is a repository of its own")));
        assert!(at_work());
        let second = story.sandbox.id("mitx/koa~1");
        let refused = words(story.skip(second.as_str(), "not needed"));
        assert!(refused.contains("is a repository of its own") && refused.contains("git worktree remove"), "{refused}");
        assert!(at_work());
    }
}

#[test]
fn a_command_that_was_killed_before_it_changed_the_folder_is_given_again() {
    let (story, second) = stopped_after_a_skip();
    let record = story.sandbox.repository().join(".git/cutover/rebase/mitx%2Fkoa.json");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).expect("read")).expect("JSON");
    state["skips"] = serde_json::json!([]);
    std::fs::write(&record, state.to_string()).expect("written");
    assert_eq!(story.unskip(&second).expect("taken in").stop.expect("its conflict").subject, "second");
    append(&story.folder().join("other"), "hours of work\n");
    assert!(story.unskip(&second).is_ok(), "nothing is to be changed in the folder");
    assert_eq!(std::fs::read_to_string(story.folder().join("other")).expect("read"), "other\nhours of work\n");
}

#[test]
fn a_better_reason_replaces_the_first() {
    let story = Story::with_a_conflict();
    let second = story.sandbox.id("mitx/koa~1").as_str().to_owned();
    story.begin();
    story.skip(&second, "typoo").expect("it goes on");
    let skipped = story.skip(&second, "upstream's ten is better").expect("it goes on").skipped;
    assert_eq!(skipped.iter().map(|skip| skip.because.as_str()).collect::<Vec<_>>(), ["upstream's ten is better"]);
}
