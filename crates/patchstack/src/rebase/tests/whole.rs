//! Rebases from beginning to end: clean ones, and ones with a person in them.

use super::story::{Story, lines, words};
use crate::names::GitPath;
use crate::rebase::{Request, abort, begin, proceed, standing};
use crate::repository::Repository;

#[test]
fn a_clean_rebase_ends_in_the_commit_that_was_forecast_and_moves_no_branch() {
    let story =
        Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "two")]), ("second", &[(2, "two"), (18, "x")])]);
    let before = story.sandbox.snapshot();
    let request = story.request();
    let forecast =
        crate::forecast::forecast(&story.open(), &request.stack, &request.onto, &mut |_, _| {}).expect("a forecast");
    let standing = story.begin();
    assert_eq!(standing.head, forecast.head);
    assert_eq!((standing.done, standing.total, standing.stop.is_none()), (2, 2, true));
    assert_eq!(story.sandbox.id("refs/cutover/rebased/mitx/koa"), forecast.head);
    assert_eq!(story.sandbox.snapshot(), before);
    assert!(!story.folder().exists());
}

#[test]
fn a_conflict_is_shown_in_a_separate_folder_with_gits_stages_and_markers() {
    let story = Story::with_a_conflict();
    std::fs::write(story.sandbox.repository().join("code"), "the operator is in the middle of something\n")
        .expect("written");
    let before = story.sandbox.snapshot();
    let standing = story.begin();
    let stop = standing.stop.expect("it stops");
    assert_eq!((standing.done, standing.total), (1, 3));
    assert_eq!((stop.subject.as_str(), &stop.files), ("second", &vec![GitPath::new("code")]));
    assert_eq!(stop.folder, story.folder().display().to_string());
    assert!(stop.offered.is_empty());
    assert!(stop.messages[0].contains("CONFLICT"), "{:?}", stop.messages);
    let marked = std::fs::read_to_string(story.folder().join("code")).expect("a file");
    assert!(marked.contains("<<<<<<< HEAD\nupstream's ten\n=======\nour ten\n>>>>>>> "), "{marked}");
    assert_eq!(story.in_folder(&["ls-files", "--unmerged"]).lines().count(), 3);
    assert!(story.in_folder(&["status"]).contains("cherry-picking"));
    assert_eq!(story.sandbox.snapshot(), before);
}

#[test]
fn a_resolution_is_used_and_later_patches_follow() {
    let story = Story::with_a_conflict();
    let before = story.sandbox.snapshot();
    story.begin();
    story.resolve_second();
    let standing = story.proceed().expect("it goes on");
    assert_eq!((standing.done, standing.stop.is_none()), (3, true));
    assert_eq!(standing.resolved, [story.sandbox.id("mitx/koa~1")]);
    let code = lines(&[(2, "our two"), (10, "upstream's and our ten"), (18, "our eighteen")]);
    assert_eq!(story.code(&standing.head), code);
    assert!(!story.folder().exists(), "the folder goes when it is done");
    assert_eq!(story.sandbox.snapshot(), before);
    let log = story.sandbox.git(&["log", "--reverse", "--format=%s %an %cn", &format!("up..{}", standing.head)]);
    assert_eq!(log, "first Alice Carol\nsecond Alice Carol\nthird Alice Carol");
}

#[test]
fn a_resolution_that_was_committed_in_the_folder_is_taken_as_well() {
    let (staged, committed) = (Story::with_a_conflict(), Story::with_a_conflict());
    for story in [&staged, &committed] {
        story.begin();
        story.resolve_second();
    }
    committed.in_folder(&["commit", "--quiet", "--no-edit"]);
    let one = staged.proceed().expect("it goes on");
    let other = committed.proceed().expect("it goes on");
    assert_eq!(staged.code(&one.head), committed.code(&other.head));
    assert!(other.stop.is_none());
}

#[test]
fn a_message_that_was_edited_with_the_resolution_is_kept() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    story.in_folder(&["commit", "--quiet", "--message", "second, as the new release has it\n\nThe ten is both."]);
    let done = story.proceed().expect("it goes on");
    let message = story.sandbox.git(&["log", "-1", "--format=%an: %B", &format!("{}~1", done.head)]);
    assert!(message.ends_with("second, as the new release has it\n\nThe ten is both."), "{message}");
    let author = story.sandbox.git(&["log", "-1", "--format=%an", "mitx/koa~1"]);
    assert!(message.starts_with(&format!("{author}: ")), "{message}");
}

#[test]
fn the_list_of_conflicts_that_git_puts_into_a_message_is_no_edit() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    story.in_folder(&["commit", "--quiet", "--no-edit"]);
    let done = story.proceed().expect("it goes on");
    let message = |commit: &str| story.sandbox.git(&["log", "-1", "--format=%B", commit]);
    assert_eq!(message(&format!("{}~1", done.head)), message("mitx/koa~1"));
}

#[test]
fn authors_dates_messages_and_encodings_stay_byte_for_byte() {
    let story = Story::with_a_conflict();
    let sandbox = &story.sandbox;
    let tree = sandbox.git(&["rev-parse", "mitx/koa^{tree}"]);
    let parent = sandbox.id("mitx/koa");
    let mut raw = format!("tree {tree}\nparent {parent}\nauthor J\n").into_bytes();
    raw.truncate(raw.len() - 2);
    raw.extend(b"J\xf6rg <joerg@example.org> 1600000000 +0545\ncommitter C <c@example.org> 4000000000 -0330\nencoding ISO-8859-1\n\nf\xfcr alle\n\n\nbody\n\nSigned-off-by: J\xf6rg <j@x>\nno newline at the end");
    let file = sandbox.folder().join("raw");
    std::fs::write(&file, &raw).expect("written");
    let made = sandbox.git(&["hash-object", "-t", "commit", "-w", &file.display().to_string()]);
    sandbox.git(&["update-ref", "refs/heads/mitx/koa", &made]);
    story.begin();
    story.resolve_second();
    let standing = story.proceed().expect("it goes on");
    let path = sandbox.repository();
    let new = sandbox.try_git_in(&path, &["cat-file", "commit", standing.head.as_str()]).stdout;
    let after_parents = |raw: &[u8]| {
        let start = raw.windows(7).position(|bytes| bytes == b"author ").expect("an author");
        raw[start..].to_vec()
    };
    assert_eq!(after_parents(&new), after_parents(&raw).as_slice(), "{}", String::from_utf8_lossy(&new));
}

#[test]
fn notes_are_carried_as_the_operator_has_configured_for_rebases() {
    for (settings, carried) in [
        (&[][..], false),
        (&[("notes.rewriteRef", "refs/notes/*")], true),
        (&[("notes.rewriteRef", "refs/notes/reviews"), ("notes.rewrite.amend", "false")], true),
        (&[("notes.rewriteRef", "refs/notes/others")], false),
        (&[("notes.rewriteRef", "refs/notes/*"), ("notes.rewrite.rebase", "false")], false),
    ] {
        let story = Story::with_a_conflict();
        for (name, value) in settings {
            story.sandbox.git(&["config", name, value]);
        }
        story.sandbox.git(&["notes", "--ref=reviews", "add", "-m", "reviewed by Bob", "mitx/koa~2"]);
        story.sandbox.git(&["notes", "--ref=cutover", "add", "-m", "no ledger", "mitx/koa~2"]);
        story.begin();
        story.resolve_second();
        let done = story.proceed().expect("it goes on");
        story.proceed().expect("nothing more to do, and no note twice");
        let first = format!("{}~2", done.head);
        let note = |name: &str| {
            let shown =
                story.sandbox.try_git_in(&story.sandbox.repository(), &["notes", "--ref", name, "show", &first]);
            String::from_utf8_lossy(&shown.stdout).trim().to_owned()
        };
        assert_eq!(note("reviews"), if carried { "reviewed by Bob" } else { "" }, "{settings:?}");
        assert_eq!(note("cutover"), "", "a ledger is about the commit that it was made for");
    }
}

#[test]
fn new_files_and_checked_out_submodules_in_the_folder_are_never_removed_with_it() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    let new = story.folder().join("helper.py");
    std::fs::write(&new, "a part of the resolution\n").expect("written");
    let refused = words(story.proceed());
    assert!(refused.contains("new and not added") && refused.contains("helper.py"), "{refused}");
    assert!(new.exists());
    story.in_folder(&["add", "helper.py"]);
    let modules = story.sandbox.repository().join(".git/worktrees/repository.mitx-koa.rebase/modules/theme");
    std::fs::create_dir_all(&modules).expect("a submodule");
    let refused = words(story.proceed());
    assert!(
        refused.contains("submodules were checked out") && refused.contains("what was decided is recorded"),
        "{refused}"
    );
    assert!(modules.exists() && story.folder().exists());
    std::fs::remove_dir_all(modules.parent().expect("a folder")).expect("removed");
    assert!(story.proceed().expect("it goes on").stop.is_none());
}

#[test]
fn an_earlier_resolution_is_put_into_the_file_and_never_staged() {
    let story = Story::with_a_conflict();
    let before = story.sandbox.snapshot();
    story.begin();
    story.resolve_second();
    let first = story.proceed().expect("it goes on");
    abort(&story.open(), "mitx/koa").expect("it is given up");
    let standing = story.begin();
    let stop = standing.stop.clone().expect("it stops again");
    assert_eq!(stop.offered, [GitPath::new("code")]);
    let offered = std::fs::read_to_string(story.folder().join("code")).expect("a file");
    assert_eq!(offered, lines(&[(2, "our two"), (10, "upstream's and our ten")]));
    assert!(words(story.proceed()).contains("unresolved in"), "nothing is taken that nobody looked at");
    story.in_folder(&["add", "code"]);
    let second = story.proceed().expect("it goes on");
    assert_eq!(story.code(&second.head), story.code(&first.head));
    let rr_cache = story.sandbox.repository().join(".git/rr-cache");
    assert!(!rr_cache.exists(), "it would turn rerere on for the operator's own git");
    assert_eq!(story.sandbox.snapshot(), before);
}

#[test]
fn resolutions_that_the_operator_recorded_with_his_own_rerere_are_offered() {
    let story = Story::with_a_conflict();
    let sandbox = &story.sandbox;
    sandbox.git(&["config", "rerere.enabled", "true"]);
    sandbox.git(&["checkout", "--quiet", "--detach", "up"]);
    sandbox.git(&["cherry-pick", "mitx/koa~2"]);
    let path = sandbox.repository();
    assert!(!sandbox.try_git_in(&path, &["cherry-pick", "mitx/koa~1"]).status.success());
    std::fs::write(path.join("code"), lines(&[(2, "our two"), (10, "as he resolved it")])).expect("written");
    sandbox.git(&["add", "code"]);
    sandbox.git(&["cherry-pick", "--continue"]);
    sandbox.git(&["checkout", "--quiet", "main"]);
    let stop = story.begin().stop.expect("it stops");
    assert_eq!(stop.offered, [GitPath::new("code")]);
    assert!(std::fs::read_to_string(story.folder().join("code")).expect("a file").contains("as he resolved it"));
}

#[test]
fn what_is_deleted_upstream_and_changed_by_us_can_be_resolved_either_way() {
    let story = Story::new(&[], &[("first", &[(2, "our two")])]);
    let sandbox = &story.sandbox;
    sandbox.git(&["checkout", "--quiet", "up"]);
    sandbox.git(&["rm", "--quiet", "code"]);
    sandbox.commit("upstream removes it", &[("elsewhere", "x\n")]);
    sandbox.git(&["checkout", "--quiet", "main"]);
    let stop = story.begin().stop.expect("it stops");
    assert_eq!(stop.files, [GitPath::new("code")]);
    assert!(stop.offered.is_empty(), "rerere does not cover these");
    story.in_folder(&["rm", "--quiet", "code"]);
    assert!(words(story.proceed()).contains("leaves nothing of"));
    std::fs::write(story.folder().join("elsewhere"), "x\nour two\n").expect("written");
    story.in_folder(&["add", "elsewhere"]);
    let standing = story.proceed().expect("it goes on");
    assert!(standing.stop.is_none());
    assert_eq!(sandbox.git(&["show", &format!("{}:elsewhere", standing.head)]), "x\nour two");
}

#[test]
fn what_stands_is_told_without_changing_anything() {
    let story = Story::with_a_conflict();
    assert!(standing(&story.open(), "mitx/koa").expect("it looks").is_none());
    let first = story.begin();
    let refs = story.sandbox.git(&["for-each-ref"]);
    let told = standing(&story.open(), "mitx/koa").expect("it looks").expect("one is under way");
    assert_eq!(told, first);
    assert_eq!(story.sandbox.git(&["for-each-ref"]), refs);
}

#[test]
fn aborting_removes_everything_but_recorded_resolutions() {
    let story = Story::with_a_conflict();
    let before = story.sandbox.snapshot();
    let refs = story.sandbox.git(&["for-each-ref"]);
    story.begin();
    std::fs::write(story.folder().join("code"), "half a thought").expect("written");
    abort(&story.open(), "mitx/koa").expect("it is given up");
    assert!(!story.folder().exists());
    assert_eq!(story.sandbox.git(&["for-each-ref"]), refs);
    assert_eq!(story.sandbox.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(story.sandbox.snapshot(), before);
    let again = abort(&story.open(), "mitx/koa").expect_err("none is under way");
    assert!(again.to_string().contains("no rebase of mitx/koa is under way"), "{again}");
}

#[test]
fn a_bare_repository_works() {
    let story = Story::with_a_conflict();
    let bare = story.sandbox.folder().join("bare.git");
    story.sandbox.git(&["clone", "--quiet", "--bare", ".", &bare.display().to_string()]);
    let repository = crate::repository::Repository::open(&story.sandbox.library_git(), &bare).expect("it opens");
    let first = begin(&repository, story.request(), &mut |_, _| {}).expect("it begins");
    let stop = first.stop.expect("it stops");
    assert!(stop.folder.ends_with("bare.mitx-koa.rebase"), "{}", stop.folder);
    let folder = std::path::PathBuf::from(&stop.folder);
    std::fs::write(folder.join("code"), lines(&[(2, "our two"), (10, "both")])).expect("written");
    story.sandbox.git_in(&folder, &["add", "code"]);
    let done = crate::rebase::proceed(&repository, "mitx/koa", &mut |_, _| {}).expect("it goes on");
    assert!(done.stop.is_none() && !folder.exists());
}

#[test]
fn one_patch_after_the_other_may_conflict() {
    let story = Story::new(
        &[(5, "upstream's five"), (15, "upstream's fifteen")],
        &[("five", &[(5, "our five")]), ("fifteen", &[(5, "our five"), (15, "our fifteen")])],
    );
    assert_eq!(story.begin().stop.expect("it stops").subject, "five");
    story.resolve(&lines(&[(5, "both fives"), (15, "upstream's fifteen")]));
    let standing = story.proceed().expect("it goes on");
    assert_eq!(standing.stop.expect("it stops again").subject, "fifteen");
    let again = words(story.proceed());
    assert!(again.contains("unresolved in") && again.contains("code"), "{again}");
    story.resolve(&lines(&[(5, "both fives"), (15, "both fifteens")]));
    let done = story.proceed().expect("it goes on");
    assert_eq!(story.code(&done.head), lines(&[(5, "both fives"), (15, "both fifteens")]));
    assert_eq!(story.proceed().expect("nothing more to do"), done);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody who stands in the folder")]
fn the_folder_and_its_path_stay_for_whoever_stands_in_it() {
    use std::os::unix::fs::MetadataExt;
    use std::process::Command;

    let story = Story::new(
        &[(10, "upstream's ten"), (18, "upstream's eighteen")],
        &[("first", &[(10, "our ten")]), ("second", &[(10, "our ten"), (18, "our eighteen")])],
    );
    story.begin();
    let inode = |name: &str| std::fs::metadata(story.folder().join(name)).expect("it is there").ino();
    let (folder, left_over) = (inode(""), story.folder().join("code.orig"));
    std::fs::write(&left_over, "what git mergetool leaves\n").expect("written");
    let mut somebody = Command::new("sleep").arg("600").current_dir(story.folder()).spawn().expect("a process");
    story.resolve(&lines(&[(10, "both tens"), (18, "upstream's eighteen")]));
    let stop = story.proceed().expect("it goes on").stop.expect("the second conflicts");
    assert_eq!((stop.subject.as_str(), inode(""), left_over.exists()), ("second", folder, false));
    assert!(story.in_folder(&["status"]).contains("cherry-picking"));
    assert!(std::fs::read_to_string(story.folder().join("code")).expect("a file").contains("<<<<<<<"));
    story.resolve(&lines(&[(10, "both tens"), (18, "both eighteens")]));
    assert!(story.proceed().expect("it goes on").stop.is_none());
    assert_eq!((inode(""), std::fs::read_dir(story.folder()).expect("a folder").count()), (folder, 0));
    somebody.kill().and_then(|()| somebody.wait()).expect("it ends");
    // An empty folder is in nobody's way.
    crate::rebase::abort(&story.open(), "mitx/koa").expect("aborted");
    let again = story.begin();
    assert_eq!(again.stop.expect("it stops").folder, story.folder().display().to_string());
}

#[test]
fn a_repository_with_sha256_ids_works() {
    let sandbox = crate::testing::Sandbox::new();
    std::fs::remove_dir_all(sandbox.repository().join(".git")).expect("removed");
    sandbox.git(&["init", "--quiet", "--initial-branch=main", "--object-format=sha256"]);
    let story = Story::within(sandbox, &[(5, "upstream's five")], &[("five", &[(5, "our five")])]);
    for offered in [0, 1] {
        assert_eq!(story.begin().stop.expect("it stops").offered.len(), offered);
        story.resolve(&lines(&[(5, "both fives")]));
        assert!(story.proceed().expect("it goes on").stop.is_none());
        abort(&story.open(), "mitx/koa").expect("it is given up");
    }
}

#[test]
fn the_parents_side_of_a_conflict_is_shown_where_the_repository_wishes_so() {
    let story = Story::with_a_conflict();
    story.sandbox.git(&["config", "merge.conflictStyle", "diff3"]);
    story.begin();
    let marked = std::fs::read_to_string(story.folder().join("code")).expect("a file");
    assert!(marked.contains("||||||| parent of "), "{marked}");
    let only_that = marked.lines().filter(|line| !line.starts_with("<<<") && !line.starts_with(">>>"));
    story.resolve(&only_that.map(|line| format!("{line}\n")).collect::<String>());
    assert!(super::story::words(story.proceed()).contains("conflict marks"));
}

#[test]
fn a_repository_with_forced_colours_works() {
    let story = Story::with_a_conflict();
    story.sandbox.git(&["config", "color.ui", "always"]);
    story.begin();
    story.resolve_second();
    assert!(story.proceed().expect("it goes on").stop.is_none());
}

#[test]
fn a_repository_that_distrusts_folders_and_objects_keeps_its_own_results() {
    let story = Story::with_a_conflict();
    for (name, value) in [("protocol.allow", "never"), ("transfer.fsckObjects", "true")] {
        story.sandbox.git(&["config", name, value]);
    }
    assert_eq!(story.begin().done, 1);
}

#[test]
fn a_repository_in_a_folder_with_an_unusual_name_works() {
    use std::os::unix::ffi::OsStrExt;
    for name in [&b"caf\xe9"[..], b"a 'quoted\" #name\\"] {
        let story = Story::with_a_conflict();
        let folder = story.folder().with_file_name("conflict");
        // The record of a rebase is JSON, so that the name of its own folder must be text.
        let request = Request { folder: Some(folder.clone()), ..story.request() };
        let moved = story.sandbox.folder().join(std::ffi::OsStr::from_bytes(name));
        std::fs::rename(story.sandbox.repository(), &moved).expect("moved");
        let repository = Repository::open(&story.sandbox.library_git(), &moved).expect("it opens");
        assert_eq!(begin(&repository, request, &mut |_, _| {}).expect("it begins").done, 1, "{name:?}");
        std::fs::write(folder.join("code"), lines(&[(2, "our two"), (10, "both tens")])).expect("written");
        story.sandbox.git_in(&folder, &["add", "code"]);
        let done = proceed(&repository, "mitx/koa", &mut |_, _| {}).expect("it goes on");
        assert_eq!((done.done, folder.exists()), (3, false), "{name:?}");
    }
}
