//! Rebases onto a release that lacks commits that the stack stands on.

use super::story::{Story, words};
use crate::ledger::Ledger;
use crate::rebase::{Request, begin};
use crate::releases::Conventions;
use crate::stack::{Base, Stack};
use crate::verify::{self, verify};

/// A branch on `up`, and the request to rebase it onto `old`, which lacks the commit `upstream moves on`.
fn back() -> (Story, Request) {
    let story = Story::new(&[(10, "upstream's ten")], &[("first", &[(2, "two")])]);
    let done = story.begin();
    story.sandbox.git(&["branch", "mitx/lilac", done.head.as_str()]);
    let base = Base { commit: story.sandbox.id("up"), found: "up".to_owned() };
    let stack = Stack::list(&story.open(), story.revision("mitx/lilac"), base).expect("a stack");
    let request = Request { stack, onto: story.revision("old"), target: "mitx/lilac".to_owned(), ..story.request() };
    (story, request)
}

fn ledger(story: &Story, backwards: bool) -> crate::error::Result<Ledger> {
    let explained = Vec::new();
    let request = verify::Request {
        conventions: Conventions::default(),
        branch: "mitx/lilac".to_owned(),
        old: None,
        new: None,
        explained,
        backwards,
    };
    verify(&story.open(), &request, "2020-11-22T03:00:00Z".parse().expect("a moment"), &mut |_, _| {})
}

#[test]
fn commits_of_upstreams_are_left_behind_only_on_request_and_the_ledger_names_them() {
    let (story, request) = back();
    let refused = words(begin(&story.open(), request.clone(), &mut |_, _| {}));
    assert!(refused.contains("old lacks a commit of upstream's"), "{refused}");
    assert!(refused.contains("(upstream moves on)") && refused.contains("--backwards"), "{refused}");
    let standing = begin(&story.open(), Request { backwards: true, ..request }, &mut |_, _| {}).expect("it begins");
    assert_eq!(standing.left_behind.len(), 1);
    let ledger = ledger(&story, false).expect("the rebase was asked for it");
    assert!(ledger.is_complete());
    assert_eq!(ledger.left_behind[0].subject, "upstream moves on");
    assert_eq!(Ledger::read(&story.open(), &ledger.new.head).expect("it reads"), Some(ledger));
}

#[test]
fn stacks_that_are_named_are_verified_backwards_only_on_request() {
    let (story, request) = back();
    begin(&story.open(), Request { backwards: true, ..request.clone() }, &mut |_, _| {}).expect("it begins");
    let base = |name: &str| Base { commit: story.sandbox.id(name), found: name.to_owned() };
    let named = |backwards| verify::Request {
        conventions: Conventions::default(),
        branch: "mitx/lilac".to_owned(),
        old: Some((story.revision("mitx/lilac"), base("up"))),
        new: Some((story.revision("refs/cutover/rebased/mitx/lilac"), base("old"))),
        explained: Vec::new(),
        backwards,
    };
    let at = "2020-11-22T03:00:00Z".parse().expect("a moment");
    let refused = words(verify(&story.open(), &named(false), at, &mut |_, _| {}));
    assert!(refused.contains("old lacks a commit of upstream's"), "{refused}");
    assert!(verify(&story.open(), &named(true), at, &mut |_, _| {}).expect("asked for").is_complete());
}
