//! Ledgers of real rebases: cutover's own, ones made by hand with git, and ones that went wrong.

mod decisions;

use super::{Request, verify};
use crate::error::Result;
use crate::ledger::{Account, How, Ledger, Named};
use crate::rebase::tests::story::{Story, lines};
use crate::releases::Conventions;
use crate::stack::Base;

fn base(story: &Story, name: &str) -> Base {
    Base { commit: story.sandbox.id(name), found: name.to_owned() }
}

fn at() -> jiff::Timestamp {
    "2020-11-22T03:00:00Z".parse().expect("a moment")
}

/// Verifies `old` on the tag `old` against `new` on `up`.
fn by_hand(story: &Story, new: &str, explained: &[(&str, &str)]) -> Result<Ledger> {
    let request = Request {
        conventions: Conventions::default(),
        branch: "mitx/koa".to_owned(),
        old: Some((story.revision("mitx/koa"), base(story, "old"))),
        new: Some((story.revision(new), base(story, "up"))),
        explained: explained.iter().map(|(patch, because)| ((*patch).to_owned(), (*because).to_owned())).collect(),
        backwards: false,
    };
    verify(&story.open(), &request, at(), &mut |_, _| {})
}

/// Verifies the rebase that is under way.
fn under_way(story: &Story, explained: &[(&str, &str)]) -> Result<Ledger> {
    let explained = explained.iter().map(|(patch, because)| ((*patch).to_owned(), (*because).to_owned())).collect();
    let conventions = Conventions::default();
    let request =
        Request { conventions, branch: "mitx/koa".to_owned(), old: None, new: None, explained, backwards: false };
    verify(&story.open(), &request, at(), &mut |_, _| {})
}

/// Picks commits onto a new branch `by-hand` on `up`.
fn pick(story: &Story, commits: &[&str]) {
    story.sandbox.git(&["checkout", "--quiet", "-B", "by-hand", "up"]);
    for commit in commits {
        story.sandbox.git(&["cherry-pick", "--allow-empty", commit]);
    }
}

fn is_written(story: &Story, ledger: &Ledger) -> bool {
    Ledger::read(&story.open(), &ledger.new.head).expect("it is read").as_ref() == Some(ledger)
}

fn word(account: &Account) -> &'static str {
    match account {
        Account::Kept { .. } => "kept",
        Account::Changed { how: How::Merged, .. } => "merged",
        Account::Changed { how: How::Resolved(_), .. } => "resolved",
        Account::Changed { how: How::Explained(_), .. } => "explained",
        Account::Changed { how: How::Reworded(_), .. } => "reworded",
        Account::Upstreamed { .. } => "upstreamed",
        Account::Included { .. } => "included",
        Account::Unneeded => "unneeded",
        Account::Adopted { .. } => "adopted",
        Account::Dropped { .. } => "dropped",
        Account::Unexplained { .. } => "unexplained",
    }
}

/// The subjects with what became of them.
fn accounts(ledger: &Ledger) -> String {
    let entry = |entry: &crate::ledger::Entry| format!("{} {}", entry.patch.subject, word(&entry.account));
    let added = ledger.added.iter().map(|added| format!("{} added", added.subject));
    ledger.entries.iter().map(entry).chain(added).collect::<Vec<String>>().join(", ")
}

/// Two patches that go onto the new release cleanly.
fn clean() -> Story {
    Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "two")]), ("second", &[(2, "two"), (18, "x")])])
}

#[test]
fn a_clean_rebase_is_accounted_for_and_the_ledger_is_written() {
    let story = clean();
    let before = story.sandbox.snapshot();
    let standing = story.begin();
    let ledger = under_way(&story, &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second kept");
    assert_eq!((&ledger.new.head, &ledger.old.head), (&standing.head, &standing.old));
    assert_eq!((ledger.new.base_name.as_str(), ledger.by.as_str()), ("up", "Carol <carol@example.org>"));
    assert_eq!(ledger.at, "2020-11-22T03:00:00Z");
    assert!(is_written(&story, &ledger));
    assert_eq!(story.sandbox.snapshot(), before);
}

#[test]
fn patches_that_git_merged_by_attributes_of_the_stack_are_not_said_to_be_resolved() {
    let story = Story::new(&[(10, "upstream's ten")], &[]);
    story.sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    story.sandbox.commit("attributes", &[(".gitattributes", "code merge=union\n")]);
    story.sandbox.commit("ours", &[("code", &lines(&[(10, "our ten")]))]);
    story.sandbox.git(&["checkout", "--quiet", "main"]);
    assert!(story.begin().stop.is_none());
    assert_eq!(accounts(&under_way(&story, &[]).expect("a ledger")), "attributes kept, ours merged");
}

#[test]
fn a_patch_with_new_lines_around_it_is_shown_as_changed() {
    let story = Story::new(&[(4, "upstream's four")], &[("first", &[(6, "six")])]);
    story.begin();
    let ledger = under_way(&story, &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first merged");
    let Account::Changed { interdiff, .. } = &ledger.entries[0].account else { panic!("{ledger:?}") };
    assert!(interdiff.contains("- line 4") && interdiff.contains("+ upstream's four"), "{interdiff}");
}

#[test]
fn a_resolution_is_shown_with_its_interdiff_and_a_skip_with_its_reason() {
    let story = Story::with_a_conflict();
    story.begin();
    let early = under_way(&story, &[]).expect_err("it has not come to its end");
    assert!(early.to_string().contains("1 of 3 patches are done"), "{early}");
    story.resolve_second();
    let third = story.sandbox.id("mitx/koa");
    story.skip(third.as_str(), "upstream does it better").expect("it is recorded");
    story.proceed().expect("it goes on");
    let ledger = under_way(&story, &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second resolved, third dropped");
    let Account::Changed { how: How::Resolved(files), interdiff, .. } = &ledger.entries[1].account else {
        panic!("{ledger:?}")
    };
    assert_eq!(files, &["code"]);
    assert!(interdiff.contains("upstream's and our ten"), "{interdiff}");
    let by = "Carol <carol@example.org>".to_owned();
    assert_eq!(ledger.entries[2].account, Account::Dropped { because: "upstream does it better".to_owned(), by });
    assert!(is_written(&story, &ledger));
}

#[test]
fn a_silently_dropped_patch_is_found_by_name_and_nothing_is_written() {
    let story = clean();
    pick(&story, &["mitx/koa"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first unexplained, second kept");
    assert!(!ledger.is_complete() && !is_written(&story, &ledger));
    let Account::Unexplained { what, .. } = &ledger.entries[0].account else { panic!("{ledger:?}") };
    assert!(what.contains("are not in code"), "{what}");
    let first = story.sandbox.id("mitx/koa~1");
    let ledger = by_hand(&story, "by-hand", &[(&first.as_str()[..7], "not wanted")]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first dropped, second kept");
    assert!(is_written(&story, &ledger));
}

#[test]
fn an_explanation_is_of_a_patch_and_has_words() {
    let story = clean();
    pick(&story, &["mitx/koa"]);
    for (patch, because) in [("0000000", "why"), ("", "why"), ("mitx/koa", "why"), ("abcd", " ")] {
        assert!(by_hand(&story, "by-hand", &[(patch, because)]).is_err(), "{patch:?} {because:?}");
    }
}

#[test]
fn a_patch_edited_by_hand_is_unexplained_until_it_is_explained() {
    let story = clean();
    pick(&story, &["mitx/koa~1", "mitx/koa"]);
    let edited = lines(&[(10, "upstream's ten"), (2, "two"), (18, "x"), (19, "slipped in")]);
    std::fs::write(story.sandbox.repository().join("code"), edited).expect("written");
    story.sandbox.git(&["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second unexplained");
    let Account::Unexplained { interdiff, what, now } = &ledger.entries[1].account else { panic!("{ledger:?}") };
    assert!(interdiff.contains("slipped in") && what.contains("code") && now.is_some(), "{what} {interdiff}");
    let second = story.sandbox.id("mitx/koa");
    let ledger = by_hand(&story, "by-hand", &[(second.as_str(), "needed since the new release")]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second explained");
}

#[test]
fn a_resolution_that_changes_other_files_needs_an_explanation() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    std::fs::write(story.folder().join("other"), "reached into\n").expect("written");
    story.in_folder(&["add", "other"]);
    story.proceed().expect("it goes on");
    let ledger = under_way(&story, &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second unexplained, third kept");
    let Account::Unexplained { what, .. } = &ledger.entries[1].account else { panic!("{ledger:?}") };
    assert!(what.contains("conflicts in code") && what.contains("other was changed"), "{what}");
    let second = story.sandbox.id("mitx/koa~1");
    assert!(under_way(&story, &[(second.as_str(), "it moved there")]).expect("a ledger").is_complete());
}

#[test]
fn what_upstream_has_is_named_by_upstreams_commit() {
    let story = clean();
    let sandbox = &story.sandbox;
    sandbox.git(&["checkout", "--quiet", "up"]);
    sandbox.git(&["cherry-pick", "mitx/koa~1"]);
    sandbox.git(&["commit", "--quiet", "--amend", "--message", "upstream's own words", "--author", "U <u@x>"]);
    let theirs = sandbox.id("up");
    sandbox.commit("upstream goes on", &[("more", "1\n")]);
    sandbox.git(&["checkout", "--quiet", "main"]);
    assert_eq!(story.begin().empty.len(), 1);
    let ledger = under_way(&story, &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first upstreamed, second kept");
    let Account::Upstreamed { by: Some(by), is_same: true } = &ledger.entries[0].account else { panic!("{ledger:?}") };
    assert_eq!((&by.commit, by.subject.as_str()), (&theirs, "upstream's own words"));
}

#[test]
fn what_upstream_has_in_other_commits_is_named_by_the_commit_that_completes_it() {
    let story = Story::new(&[(2, "two"), (10, "and more")], &[("first", &[(2, "two"), (18, "x")])]);
    let sandbox = &story.sandbox;
    sandbox.git(&["checkout", "--quiet", "up"]);
    let completes = sandbox.commit("the rest", &[("code", &lines(&[(2, "two"), (10, "and more"), (18, "x")]))]);
    sandbox.commit("upstream goes on", &[("more", "1\n")]);
    sandbox.git(&["checkout", "--quiet", "main"]);
    story.begin();
    let ledger = under_way(&story, &[]).expect("a ledger");
    let by = Some(Named::new(&completes, "the rest"));
    assert_eq!(ledger.entries[0].account, Account::Upstreamed { by, is_same: false });
}

#[test]
fn what_upstream_took_and_took_back_is_missing() {
    let story = clean();
    let sandbox = &story.sandbox;
    sandbox.git(&["checkout", "--quiet", "up"]);
    sandbox.git(&["cherry-pick", "mitx/koa~1"]);
    sandbox.git(&["revert", "--no-edit", "HEAD"]);
    // Plain `git rebase` drops it: it has seen the same patch upstream.
    sandbox.git(&["checkout", "--quiet", "-B", "by-hand", "mitx/koa"]);
    sandbox.git(&["rebase", "--quiet", "up"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first unexplained, second kept");
    let Account::Unexplained { what, .. } = &ledger.entries[0].account else { panic!("{ledger:?}") };
    assert!(what.contains("upstream has the same patch as"), "{what}");
}

#[test]
fn a_rebase_by_hand_with_git_verifies() {
    let story = Story::with_a_conflict();
    let sandbox = &story.sandbox;
    sandbox.git(&["checkout", "--quiet", "-B", "by-hand", "mitx/koa"]);
    assert!(!sandbox.try_git_in(&sandbox.repository(), &["rebase", "--onto", "up", "old"]).status.success());
    let path = sandbox.repository().join("code");
    std::fs::write(path, lines(&[(2, "our two"), (10, "resolved")])).expect("written");
    sandbox.git(&["add", "code"]);
    sandbox.git(&["-c", "core.editor=true", "rebase", "--continue"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second resolved, third kept");
}

#[test]
fn a_patch_with_another_subject_and_author_is_found_by_its_changes() {
    let story = clean();
    pick(&story, &["mitx/koa~1"]);
    story.sandbox.git(&["commit", "--quiet", "--amend", "--author=Bob <bob@example.org>", "--message", "renamed"]);
    story.sandbox.git(&["cherry-pick", "mitx/koa"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first reworded, second kept");
    let how = &ledger.entries[0].account;
    assert!(
        matches!(how, Account::Changed { how: How::Reworded(what), .. } if *what == ["author", "message"]),
        "{how:?}"
    );
}

#[test]
fn a_similar_patch_is_found_and_compared() {
    let story = clean();
    pick(&story, &["mitx/koa~1"]);
    story.sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    let content: String = (1..=30).map(|number| format!("{number}\n")).collect();
    story.sandbox.commit("a file of ours", &[("ours", &content)]);
    story.sandbox.git(&["checkout", "--quiet", "by-hand"]);
    story.sandbox.git(&["cherry-pick", "mitx/koa~1", "mitx/koa"]);
    std::fs::write(story.sandbox.repository().join("ours"), content.replace("17\n", "seventeen\n")).expect("written");
    story.sandbox.git(&["add", "ours"]);
    story.sandbox.git(&["commit", "--quiet", "--amend", "--reset-author", "--message", "a file, renamed"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second kept, a file of ours unexplained");
    let Account::Unexplained { interdiff, now, .. } = &ledger.entries[2].account else { panic!("{ledger:?}") };
    assert!(now.is_some() && interdiff.contains("seventeen"), "{interdiff}");
}

#[test]
fn the_same_patch_twice_does_not_hide_that_another_is_missing() {
    let story = clean();
    pick(&story, &["mitx/koa~1"]);
    story.sandbox.git(&["revert", "--no-edit", "HEAD"]);
    story.sandbox.git(&["cherry-pick", "mitx/koa~1"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second unexplained, Revert \"first\" added, first added");
}

#[test]
fn patches_that_read_the_same_in_two_places_are_not_confused() {
    let sandbox = crate::testing::Sandbox::new();
    let block = "begin\na\nb\nc\nd\nend\n";
    let text =
        |one: &str, other: &str| format!("{}{}{}", block.replace('c', one), block.repeat(3), block.replace('c', other));
    sandbox.commit("base", &[("code", &text("c", "c"))]);
    sandbox.git(&["tag", "old"]);
    sandbox.git(&["checkout", "--quiet", "-b", "mitx/koa"]);
    sandbox.commit("the block", &[("code", &text("changed", "c"))]);
    sandbox.commit("the block", &[("code", &text("changed", "changed"))]);
    sandbox.git(&["checkout", "--quiet", "-b", "up", "old"]);
    sandbox.commit("upstream", &[("new", "1\n")]);
    let story = Story { sandbox };
    pick(&story, &["mitx/koa~1", "mitx/koa"]);
    let both = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert_eq!(accounts(&both), "the block kept, the block kept");
    // The second instead of the first: the same patch to git, and yet another text.
    pick(&story, &["mitx/koa"]);
    let one = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert_eq!(one.unexplained().count(), 1, "{}", accounts(&one));
}

#[test]
fn empty_binary_and_first_commits_are_accounted_for() {
    let story = clean();
    let sandbox = &story.sandbox;
    sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    sandbox.commit("nothing", &[]);
    std::fs::write(sandbox.repository().join("binary"), [0, 1, 2, 255, 0]).expect("written");
    sandbox.commit("binary", &[]);
    std::fs::write(sandbox.repository().join("binary"), [0, 1, 3, 255, 0]).expect("written");
    sandbox.commit("binary again", &[]);
    sandbox.git(&["checkout", "--quiet", "--orphan", "elsewhere"]);
    sandbox.git(&["rm", "-r", "--quiet", "--force", "."]);
    sandbox.commit("a history of its own", &[("imported", "1\n")]);
    sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    sandbox.git(&["merge", "--quiet", "--no-edit", "--allow-unrelated-histories", "elsewhere"]);
    sandbox.git(&["checkout", "--quiet", "main"]);
    let standing = story.begin();
    assert!(standing.stop.is_none());
    let ledger = under_way(&story, &[]).expect("a ledger");
    assert_eq!(ledger.entries.len(), 6, "{}", accounts(&ledger));
    assert!(ledger.entries.iter().all(|entry| word(&entry.account) == "kept"), "{}", accounts(&ledger));
}

#[test]
fn what_a_merge_held_and_lost_is_accounted_for_by_name() {
    let story = Story::with_an_evil_merge();
    let sandbox = &story.sandbox;
    let merge = sandbox.id("mitx/koa");
    sandbox.git(&["checkout", "--quiet", "-B", "by-hand", "mitx/koa"]);
    sandbox.git(&["rebase", "--quiet", "--onto", "up", "old"]);
    sandbox.git(&["checkout", "--quiet", "main"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("a ledger");
    let last = ledger.entries.last().expect("an entry");
    assert_eq!((&last.patch.commit, word(&last.account)), (&merge, "unexplained"));
    let mut request = story.request();
    request.accept_loss = Some("a mistake".to_owned());
    crate::rebase::begin(&story.open(), request, &mut |_, _| {}).expect("it begins");
    let ledger = under_way(&story, &[]).expect("a ledger");
    assert!(ledger.is_complete(), "{}", accounts(&ledger));
    assert!(
        matches!(&ledger.entries.last().expect("one").account, Account::Dropped { because, .. } if because == "a mistake")
    );
}

#[test]
fn a_merge_in_the_new_stack_must_not_contain_changes_of_its_own() {
    let story = clean();
    pick(&story, &["mitx/koa~1"]);
    story.sandbox.git(&["checkout", "--quiet", "-b", "side", "up"]);
    story.sandbox.git(&["commit", "--quiet", "--allow-empty", "--message", "side"]);
    story.sandbox.git(&["checkout", "--quiet", "by-hand"]);
    story.sandbox.git(&["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    story.sandbox.commit("an odd merge", &[("slipped-in", "1\n")]);
    let refused = by_hand(&story, "by-hand", &[]).expect_err("nobody would look at it");
    assert!(refused.to_string().contains("slipped-in"), "{refused}");
}

#[test]
fn a_work_ref_that_somebody_moved_is_judged_as_it_is() {
    let story = clean();
    story.begin();
    story.sandbox.git(&["update-ref", "refs/cutover/rebased/mitx/koa", "refs/cutover/rebased/mitx/koa~1"]);
    let ledger = under_way(&story, &[]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second unexplained");
}

#[test]
fn a_stack_that_is_not_on_its_base_is_refused() {
    let story = clean();
    let refused = by_hand(&story, "mitx/koa", &[]).expect_err("it does not stand on up");
    assert!(refused.to_string().contains("mitx/koa is not based on"), "{refused}");
    let none = under_way(&story, &[]).expect_err("there is nothing to verify");
    assert!(none.hint().contains("--old REF --new REF"), "{none}");
}

/// The first patch is on the branch, and once more on a side of it that was merged.
fn duplicated() -> Story {
    let story = Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "two")])]);
    let sandbox = &story.sandbox;
    sandbox.git(&["checkout", "--quiet", "-b", "side", "old"]);
    sandbox.commit("beside it", &[("beside", "1\n")]);
    sandbox.git(&["cherry-pick", "mitx/koa"]);
    sandbox.git(&["commit", "--quiet", "--amend", "--message", "first again"]);
    sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    sandbox.git(&["merge", "--quiet", "--no-edit", "side"]);
    sandbox.git(&["checkout", "--quiet", "main"]);
    story
}

#[test]
fn a_duplicate_of_our_own_patch_is_not_said_to_be_upstreams() {
    let story = duplicated();
    assert_eq!(story.begin().empty.len(), 1);
    let ledger = under_way(&story, &[]).expect("a ledger");
    let is_included = |entry: &&crate::ledger::Entry| matches!(entry.account, Account::Included { is_same: true, .. });
    let included = ledger.entries.iter().find(is_included).expect("the duplicate");
    let Account::Included { within, number, .. } = &included.account else { panic!("{ledger:?}") };
    assert_eq!(ledger.entries[*number - 1].account, Account::Kept { now: within.commit.clone() });
    assert!(
        within.subject.starts_with("first") && included.patch.subject.starts_with("first"),
        "{}",
        accounts(&ledger)
    );
    assert!(is_written(&story, &ledger));
}

#[test]
fn patches_that_were_squashed_by_hand_are_in_a_patch_of_ours_and_the_squash_wants_an_explanation() {
    let story = clean();
    pick(&story, &["mitx/koa~1", "mitx/koa"]);
    story.sandbox.git(&["reset", "--quiet", "--soft", "up"]);
    story.sandbox.git(&["commit", "--quiet", "--message", "both", "--author", "Bob <bob@example.org>"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("a ledger");
    assert!(!accounts(&ledger).contains("upstreamed"), "{}", accounts(&ledger));
    let included = ledger.entries.iter().filter(|entry| word(&entry.account) == "included").count();
    assert!(included >= 1, "{}", accounts(&ledger));
    let Some(Account::Included { within, number: 1, is_same: false }) =
        ledger.entries.iter().map(|entry| &entry.account).find(|account| matches!(account, Account::Included { .. }))
    else {
        panic!("{ledger:?}")
    };
    assert_eq!(within.subject, "both");
}

#[test]
fn what_changes_back_a_patch_of_ours_that_is_left_out_is_not_said_to_be_upstreams() {
    let story = clean();
    let sandbox = &story.sandbox;
    sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    sandbox.git(&["revert", "--no-edit", "HEAD"]);
    sandbox.git(&["checkout", "--quiet", "main"]);
    pick(&story, &["mitx/koa~2"]);
    let second = sandbox.id("mitx/koa~1");
    let ledger = by_hand(&story, "by-hand", &[(second.as_str(), "not wanted")]).expect("a ledger");
    assert_eq!(accounts(&ledger), "first kept, second dropped, Revert \"second\" unneeded");
}

#[test]
fn a_missing_patch_has_hints_at_upstreams_commits_that_say_or_look_like_they_have_it() {
    let story = Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "two")])]);
    story.sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    story.sandbox.git(&["commit", "--quiet", "--amend", "--message", "first\n\nChange-Id: I1"]);
    let first = story.sandbox.id("mitx/koa");
    story.sandbox.git(&["checkout", "--quiet", "up"]);
    story.sandbox.commit("first", &[("x", "1\n")]);
    story.sandbox.commit("another way\n\nChange-Id: I1", &[("x", "2\n")]);
    story.sandbox.commit(&format!("picked\n\n(cherry picked from commit {first})"), &[("x", "3\n")]);
    story.sandbox.commit("neither", &[("x", "4\n")]);
    let ledger = by_hand(&story, "up", &[]).expect("it is compared");
    assert_eq!(accounts(&ledger), "first unexplained");
    let hints: Vec<_> = ledger.entries[0].hints.iter().map(|hint| hint.commit.subject.as_str()).collect();
    assert_eq!(hints, ["picked", "another way", "first"]);
}

#[test]
fn neither_a_subject_nor_a_change_id_accounts_for_a_patch_that_was_lost() {
    let story = Story::with_a_conflict();
    let second = story.sandbox.id("mitx/koa~1");
    pick(&story, &["mitx/koa~2"]);
    let message = format!("second\n\n(cherry picked from commit {second})");
    story.sandbox.commit(&message, &[("elsewhere", "something else\n")]);
    story.sandbox.git(&["commit", "--quiet", "--amend", "--no-edit", "--author=Bob <bob@example.org>"]);
    let ledger = by_hand(&story, "by-hand", &[]).expect("it is compared");
    assert_eq!(accounts(&ledger), "first kept, second unexplained, third unexplained, second added");
    assert!(ledger.entries[1].hints.iter().any(|hint| hint.ours), "{:?}", ledger.entries[1].hints);
}
