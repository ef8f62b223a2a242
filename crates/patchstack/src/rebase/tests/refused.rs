//! What a rebase refuses, and what is untouched then.

use super::story::{Story, lines, words};
use crate::names::ObjectId;
use crate::rebase::{abort, begin, standing};

#[test]
fn a_result_is_for_a_branch_of_ours() {
    let story = Story::with_a_conflict();
    let targets = ["up", "open-release/koa.rc3", "release/teak", "--upload-pack=x", "a\nb", "HEAD"];
    for target in targets {
        let mut request = story.request();
        if target == "up" {
            request.onto = story.revision("refs/heads/up");
        }
        request.target = target.to_owned();
        let refused = words(begin(&story.open(), request, &mut |_, _| {}));
        assert!(refused.contains("nothing was changed"), "{refused}");
    }
    assert!(!story.sandbox.repository().join(".git/cutover").exists());
}

#[test]
fn a_rebase_under_way_is_not_started_again() {
    let story = Story::with_a_conflict();
    let first = story.begin();
    let mut other = story.request();
    other.onto = story.revision("up~1");
    let refused = words(begin(&story.open(), other, &mut |_, _| {}));
    assert!(refused.contains("onto up is under way: 1 of 3 patches are done"), "{refused}");
    assert!(refused.contains("--continue") && refused.contains("--abort"), "{refused}");
    assert_eq!(standing(&story.open(), "mitx/koa").expect("it looks"), Some(first));
}

#[test]
fn a_finished_rebase_with_decisions_is_not_replaced_before_they_are_saved() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    let done = story.proceed().expect("it goes on");
    let mut other = story.request();
    other.onto = story.revision("up~1");
    let refused = words(begin(&story.open(), other.clone(), &mut |_, _| {}));
    assert!(refused.contains("exist only in its work ref"), "{refused}");
    story.sandbox.git(&["update-ref", "refs/remotes/origin/mitx/koa", done.head.as_str()]);
    let first = begin(&story.open(), other, &mut |_, _| {}).expect("it is safe now");
    assert_eq!(first.onto_name, "up~1");
}

#[test]
fn a_branch_in_the_middle_of_the_operators_own_rebase_is_left_alone() {
    let story = Story::with_a_conflict();
    let path = story.sandbox.repository();
    story.sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    assert!(!story.sandbox.try_git_in(&path, &["rebase", "--onto", "up", "old"]).status.success());
    let before = story.sandbox.snapshot();
    let refused = words(begin(&story.open(), story.request(), &mut |_, _| {}));
    assert!(refused.contains("git is rebasing mitx/koa"), "{refused}");
    assert_eq!(story.sandbox.snapshot(), before);
}

#[test]
fn merges_with_changes_of_their_own_need_a_reason() {
    let story = Story::with_an_evil_merge();
    let refused = words(begin(&story.open(), story.request(), &mut |_, _| {}));
    assert!(refused.contains("slipped-in") && refused.contains("--accept-loss"), "{refused}");
    let mut request = story.request();
    request.accept_loss = Some("it was a mistake".to_owned());
    assert!(begin(&story.open(), request, &mut |_, _| {}).expect("it begins").stop.is_none());
}

#[test]
fn leaving_a_patch_out_needs_a_patch_and_a_reason() {
    let story = Story::with_a_conflict();
    story.begin();
    let second = story.sandbox.id("mitx/koa~1");
    assert!(words(story.skip(second.as_str(), " ")).contains("needs a reason"));
    assert!(words(story.skip("0000000", "why")).contains("names none of the 3 patches"));
    assert!(words(story.skip("", "why")).contains("names 3 of the 3 patches"));
    let mut request = story.request();
    request.skip = vec![(story.sandbox.id("up"), "why".to_owned())];
    abort(&story.open(), "mitx/koa").expect("it is given up");
    assert!(words(begin(&story.open(), request, &mut |_, _| {})).contains("is not a patch of"));
}

#[test]
fn what_is_not_resolved_is_not_taken() {
    let story = Story::with_a_conflict();
    story.begin();
    let head: ObjectId = story.sandbox.id("refs/cutover/rebased/mitx/koa");
    assert!(words(story.proceed()).contains("unresolved in"));
    story.in_folder(&["add", "code"]);
    let refused = words(story.proceed());
    assert!(refused.contains("conflict marks") && refused.contains("code"), "{refused}");
    let half = std::fs::read_to_string(story.folder().join("code")).expect("a file");
    story.resolve(&half.replace(">>>>>>> ", "").replace("=======\n", ""));
    assert!(words(story.proceed()).contains("conflict marks"), "half of the marks is not enough");
    story.resolve_second();
    std::fs::write(story.folder().join("other"), "and one thing more\n").expect("written");
    let refused = words(story.proceed());
    assert!(refused.contains("edited but not staged") && refused.ends_with("then --continue"), "{refused}");
    story.in_folder(&["restore", "other"]);
    story.in_folder(&["checkout", "HEAD", "--", "code"]);
    let refused = words(story.proceed());
    assert!(refused.contains("leaves nothing of") && refused.contains("--skip"), "{refused}");
    assert_eq!(story.sandbox.id("refs/cutover/rebased/mitx/koa"), head);
}

#[test]
fn existing_conflict_markers_in_a_file_are_allowed() {
    let story = Story::new(
        &[(10, "upstream's ten"), (1, "<<<<<<< HEAD")],
        &[("first", &[(10, "our ten")]), ("second", &[(10, "our ten"), (2, "x")])],
    );
    story.begin();
    story.resolve(&lines(&[(10, "both"), (1, "<<<<<<< HEAD")]));
    assert!(story.proceed().expect("it goes on").done >= 1);
}

#[test]
fn a_folder_at_another_commit_is_refused() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    story.in_folder(&["commit", "--quiet", "--no-edit"]);
    story.in_folder(&["commit", "--quiet", "--allow-empty", "--message", "one too many"]);
    let refused = words(story.proceed());
    assert!(refused.contains("or at one commit on top of it") && refused.contains("reset --soft"), "{refused}");
    story.in_folder(&["reset", "--quiet", "--soft", "HEAD~1"]);
    std::fs::write(story.folder().join("other"), "staged beyond\n").expect("written");
    story.in_folder(&["add", "other"]);
    assert!(words(story.proceed()).contains("staged on top of commit"));
}

#[test]
fn a_branch_that_moved_meanwhile_is_reported() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    story.sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    story.sandbox.commit("somebody commits", &[("more", "1\n")]);
    let refused = words(story.proceed());
    assert!(
        refused.contains("mitx/koa moved since the rebase was started") && refused.contains("--abort"),
        "{refused}"
    );
}

#[test]
fn a_folder_that_is_somebody_elses_is_left_alone() {
    let story = Story::with_a_conflict();
    std::fs::create_dir_all(story.folder()).expect("a folder");
    std::fs::write(story.folder().join("precious"), "x").expect("written");
    let refused = words(begin(&story.open(), story.request(), &mut |_, _| {}));
    assert!(refused.contains("contains something else"), "{refused}");
    assert!(story.folder().join("precious").exists());
    assert!(standing(&story.open(), "mitx/koa").expect("it looks").is_none(), "nothing began");
}

#[test]
fn a_folder_that_was_put_where_ours_was_is_left_alone() {
    let story = Story::with_a_conflict();
    story.begin();
    std::fs::remove_dir_all(story.folder()).expect("removed");
    std::fs::create_dir_all(story.folder()).expect("a folder");
    std::fs::write(story.folder().join("precious"), "x").expect("written");
    assert!(words(story.proceed()).contains("contains something else"));
    abort(&story.open(), "mitx/koa").expect("it is given up");
    assert!(story.folder().join("precious").exists());
}

#[test]
fn a_damaged_record_can_be_removed_by_abort() {
    let story = Story::with_a_conflict();
    story.begin();
    let record = story.sandbox.repository().join(".git/cutover/rebase/mitx%2Fkoa.json");
    std::fs::write(&record, "{\"version\": 1").expect("written");
    let refused = words(story.proceed());
    assert!(refused.contains("is damaged") && refused.contains("--abort"), "{refused}");
    abort(&story.open(), "mitx/koa").expect("it is given up");
    assert!(standing(&story.open(), "mitx/koa").expect("it looks").is_none());
}

#[test]
fn two_at_once_do_not_get_in_each_others_way() {
    let story = Story::with_a_conflict();
    story.begin();
    let lock = story.sandbox.repository().join(".git/cutover/rebase/mitx%2Fkoa.lock");
    let file = std::fs::File::create(lock).expect("a file");
    file.lock().expect("locked");
    assert!(words(story.proceed()).contains("another cutover is working"));
    drop(file);
    assert!(words(story.proceed()).contains("unresolved in"));
}

#[test]
fn a_tag_that_is_named_like_the_branch_is_not_taken_for_it() {
    let story = Story::with_a_conflict();
    story.sandbox.git(&["tag", "mitx/koa", "mitx/koa~1"]);
    let error = story.open().revision("mitx/koa").expect_err("it is two things");
    assert!(
        error.to_string().contains("refs/heads/mitx/koa at") && error.to_string().contains("refs/tags/mitx/koa at")
    );
    assert_eq!(story.revision("refs/heads/mitx/koa").commit, story.sandbox.id("refs/heads/mitx/koa"));
    story.sandbox.git(&["tag", "--force", "mitx/koa", "refs/heads/mitx/koa"]);
    assert_eq!(story.revision("mitx/koa").reference.expect("a ref").as_str(), "refs/heads/mitx/koa");
}

#[test]
fn a_folder_for_the_command_that_has_something_else_in_it_is_refused_before_anything_is_replayed() {
    let story = Story::with_a_conflict();
    let taken = story.folder().with_extension("rebase.exec");
    std::fs::create_dir(&taken).expect("a folder");
    std::fs::write(taken.join("thesis"), "hours\n").expect("written");
    let request = || crate::rebase::Request { exec: Some("make test".to_owned()), ..story.request() };
    let refused = words(crate::rebase::begin(&story.open(), request(), &mut |_, _| {}));
    assert!(refused.contains("contains something else"), "{refused}");
    assert!(crate::rebase::standing(&story.open(), "mitx/koa").expect("told").is_none(), "nothing has begun");
    story.begin();
    let refused = words(crate::rebase::begin(&story.open(), request(), &mut |_, _| {}));
    assert!(refused.contains("contains something else"), "{refused}");
}

#[test]
fn what_is_asked_otherwise_of_a_rebase_that_has_begun_is_done_or_refused() {
    let story = Story::with_a_conflict();
    let second = story.sandbox.id("mitx/koa~1");
    let begin = |because: &str, folder: Option<&str>| {
        let mut request = story.request();
        request.skip = vec![(second.clone(), because.to_owned())];
        request.folder = folder.map(|name| story.sandbox.folder().join(name));
        crate::rebase::begin(&story.open(), request, &mut |_, _| {})
    };
    begin("typoo", None).expect("it begins");
    let standing = begin("upstream's ten is better", Some("repository.mitx-koa.rebase")).expect("it goes on");
    assert_eq!(standing.skipped[0].because, "upstream's ten is better");
    assert!(words(begin("upstream's ten is better", Some("another"))).contains("omit --folder"));
}
