//! A finished rebase in which something is decided anew after it was verified.

use super::story::{Story, words};
use crate::error::Result;
use crate::ledger::{Ledger, Published};
use crate::names::ObjectId;
use crate::releases::Conventions;
use crate::stack::{Base, Stack};
use crate::status::status;
use crate::verify;
use crate::{publish, rebase};

/// Both remotes, and upstream's releases as this clone has fetched them.
fn with_remotes(story: &Story) {
    for remote in ["upstream", "origin"] {
        story.sandbox.git(&["remote", "add", remote, &format!("https://example.org/{remote}.git")]);
    }
    for (release, commit) in [("koa.rc1", "old"), ("koa.rc2", "up")] {
        story.sandbox.git(&["update-ref", &format!("refs/remotes/upstream/open-release/{release}"), commit]);
    }
}

fn verify(story: &Story) -> Ledger {
    verify_sides(story, None)
}

/// Verifies a stack with itself, or the result.
fn verify_sides(story: &Story, head: Option<&str>) -> Ledger {
    let ledger = try_verify(story, head).expect("verified");
    assert!(ledger.is_complete(), "{ledger:?}");
    ledger
}

fn try_verify(story: &Story, head: Option<&str>) -> Result<Ledger> {
    let base = || Base { commit: story.sandbox.id("up"), found: "given".to_owned() };
    let side = || head.map(|name| (story.revision(name), base()));
    let request = verify::Request {
        conventions: Conventions::default(),
        old: side(),
        new: side(),
        branch: "mitx/koa".to_owned(),
        explained: Vec::new(),
        backwards: false,
    };
    verify::verify(&story.open(), &request, jiff::Timestamp::UNIX_EPOCH, &mut |_, _| {})
}

fn publish(story: &Story) -> String {
    let request = publish::Request {
        head: story.sandbox.id("refs/cutover/rebased/mitx/koa"),
        branch: "mitx/koa".to_owned(),
        remote: "origin".to_owned(),
        protected: Vec::new(),
        limit: std::time::Duration::from_secs(1),
    };
    let now = jiff::Timestamp::UNIX_EPOCH;
    words(publish::publish(&story.open(), &Conventions::default(), &request, now, &mut |_| {}))
}

#[test]
fn a_head_that_was_verified_without_a_patch_is_not_published_while_that_is_taken_in_again() {
    let story = Story::new(
        &[(10, "upstream's ten")],
        &[("first", &[(2, "our two")]), ("second", &[(2, "our two"), (10, "our ten")])],
    );
    with_remotes(&story);
    story.begin();
    let second = story.sandbox.id("mitx/koa").as_str().to_owned();
    let without = story.skip(&second, "a mistake").expect("it goes on");
    verify(&story);
    let stopped = story.unskip(&second).expect("taken in");
    assert_eq!((stopped.head, stopped.stop.is_some()), (without.head.clone(), true), "the head so far was verified");
    let refused = publish(&story);
    assert!(
        refused.contains("the rebase of mitx/koa is not finished") && refused.contains("(second) conflicts"),
        "{refused}"
    );
    // Somebody has pushed it by hand all the same: the rebase still goes on.
    story.sandbox.git(&["update-ref", "refs/remotes/origin/mitx/koa", without.head.as_str()]);
    let seen = status(&story.open(), &Conventions::default()).expect("seen");
    assert_eq!(seen[0].rebase.as_ref().map(|rebase| rebase.result.clone()), Some(None));
}

#[test]
fn a_head_is_not_published_after_a_command_that_was_to_take_a_patch_in_again_was_killed() {
    let story = Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "our two")]), ("second", &[(2, "two")])]);
    with_remotes(&story);
    story.begin();
    let second = story.sandbox.id("mitx/koa").as_str().to_owned();
    story.skip(&second, "a mistake").expect("it goes on");
    verify(&story);
    let record = story.sandbox.repository().join(".git/cutover/rebase/mitx%2Fkoa.json");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).expect("read")).expect("JSON");
    state["skips"] = serde_json::json!([]);
    state["result"] = serde_json::Value::Null;
    std::fs::write(&record, state.to_string()).expect("written");
    let refused = publish(&story);
    assert!(refused.contains("is not its result"), "{refused}");
}

#[test]
fn a_ledger_of_what_was_published_keeps_who_did_it_and_what_was_replaced() {
    let story = Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "our two")]), ("second", &[(2, "two")])]);
    let head = story.begin().head;
    let published = Published { by: "Alice <alice@mit.edu>".to_owned(), at: "2020-12-09T11:00:00Z".to_owned() };
    let ledger = Ledger { published: Some(published.clone()), ..verify(&story) };
    ledger.write(&story.open()).expect("written");
    assert_eq!(verify(&story).published, Some(published.clone()));
    // As after a rebase of what the remote has: every patch is kept, and what was decided before is not in it.
    verify_sides(&story, Some(head.as_str()));
    let kept = Ledger::read(&story.open(), &head).expect("read").expect("a ledger");
    assert_eq!((kept.old.head, kept.published), (story.sandbox.id("mitx/koa"), Some(published)));
}

#[test]
fn a_release_that_upstream_withdrew_meanwhile_is_neither_verified_nor_published_as_ours() {
    let story = Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "our two")])]);
    with_remotes(&story);
    let rc2 = "refs/remotes/upstream/open-release/koa.rc2";
    let onto = |name: &str| {
        let request = rebase::Request { onto: story.revision(name), ..story.request() };
        rebase::begin(&story.open(), request, &mut |_, _| {}).expect("it begins");
    };
    onto("upstream/open-release/koa.rc2");
    verify(&story);
    story.sandbox.git(&["update-ref", rc2, "old"]);
    let withdrawn = "of upstream/open-release/koa.rc2, which upstream has withdrawn since: it is ";
    for refused in [words(try_verify(&story, None)), publish(&story)] {
        assert!(refused.contains(withdrawn), "{refused}");
    }
    story.sandbox.git(&["update-ref", "-d", rc2]);
    assert!(publish(&story).contains("it is removed"));
    // Whoever names the commit wants that one.
    onto(story.sandbox.id("up").as_str());
    verify(&story);
}

#[test]
fn what_it_is_rebased_onto_has_the_name_of_upstreams_ref_however_it_was_given() {
    for given in ["refs/remotes/upstream/open-release/koa.rc2", "upstream/open-release/koa.rc2^0", "up~0"] {
        let story = Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "our two")])]);
        with_remotes(&story);
        let request = rebase::Request { onto: story.revision(given), ..story.request() };
        let begun = rebase::begin(&story.open(), request, &mut |_, _| {}).expect("it begins");
        assert_eq!(begun.onto_name, "upstream/open-release/koa.rc2", "{given}");
        // Upstream forces it to another commit.
        let other = story.sandbox.id("old");
        story.sandbox.git(&["update-ref", "refs/remotes/upstream/open-release/koa.rc2", other.as_str()]);
        let refused = words(try_verify(&story, None));
        assert!(refused.contains("which upstream has withdrawn since"), "{given}: {refused}");
    }
}

#[test]
fn a_branch_of_ours_that_moves_on_is_not_said_to_be_taken_back_by_upstream() {
    let story = Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "our two")])]);
    with_remotes(&story);
    let on_top =
        |name: &str| story.sandbox.git(&["commit-tree", "-p", name, "-m", "ours", &format!("{name}^{{tree}}")]);
    story.sandbox.git(&["branch", "integration", &on_top("up")]);
    let request = rebase::Request { onto: story.revision("integration"), ..story.request() };
    rebase::begin(&story.open(), request, &mut |_, _| {}).expect("it begins");
    story.sandbox.git(&["branch", "--force", "integration", &on_top("integration")]);
    let moved = rebase::moved(&story.open(), &Conventions::default(), "mitx/koa").expect("asked");
    assert_eq!(moved, None);
}

#[test]
fn what_upstream_withdrew_and_somebody_is_rebased_onto_all_the_same_stays_known_as_upstreams() {
    let rc2 = "refs/remotes/upstream/open-release/koa.rc2";
    let story = Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "our two")])]);
    with_remotes(&story);
    let (withdrawn, earlier) = (story.sandbox.id("up"), story.sandbox.id("old"));
    story.sandbox.git(&["update-ref", rc2, earlier.as_str()]);
    let request = rebase::Request { onto: story.revision(withdrawn.as_str()), ..story.request() };
    let begun = rebase::begin(&story.open(), request, &mut |_, _| {}).expect("it begins");
    assert!(begun.onto_name.contains(", withdrawn: it was in upstream/open-release/koa.rc2"), "{}", begun.onto_name);
    assert_eq!(rebase::moved(&story.open(), &Conventions::default(), "mitx/koa").expect("asked"), None);
    verify(&story);
    // Only the ledger tells of it, as in the clone of a colleague.
    story.sandbox.git(&["update-ref", "-d", rc2]);
    let base = Base { commit: earlier, found: "given".to_owned() };
    let head = story.revision("refs/cutover/rebased/mitx/koa");
    let stack = Stack::list(&story.open(), head, base).expect("a stack");
    let found = crate::withdrawn::of_stack(&story.open(), &Conventions::default(), &stack).expect("found");
    assert_eq!(found.into_iter().map(|it| it.commit).collect::<Vec<ObjectId>>(), [withdrawn]);
}
