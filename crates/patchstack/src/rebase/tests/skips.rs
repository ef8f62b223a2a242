//! Patches that are left out, and taken in again.

use super::story::{Story, lines, words};

#[test]
fn a_patch_is_left_out_for_a_reason_that_is_kept() {
    let story = Story::with_a_conflict();
    story.begin();
    let second = story.sandbox.id("mitx/koa~1");
    let standing = story.skip(&second.as_str()[..8], "upstream's ten is better").expect("it goes on");
    assert_eq!(standing.skipped[0].because, "upstream's ten is better");
    assert_eq!(standing.skipped[0].subject, "second");
    assert!(standing.stop.is_none() && !story.folder().exists());
    assert_eq!(story.code(&standing.head), lines(&[(2, "our two"), (10, "upstream's ten"), (18, "our eighteen")]));
    let again = story.skip(second.as_str(), "upstream's ten is far better").expect("nothing more to do");
    assert_eq!((again.head, again.skipped[0].because.as_str()), (standing.head, "upstream's ten is far better"));
}

#[test]
fn a_patch_is_taken_in_again_at_a_later_conflict_that_nobody_has_begun_to_resolve() {
    let story = Story::new(
        &[(10, "upstream's ten"), (18, "upstream's eighteen")],
        &[("first", &[(10, "our ten")]), ("second", &[(10, "our ten"), (18, "our eighteen")])],
    );
    story.begin();
    let first = story.sandbox.id("mitx/koa~1");
    assert_eq!(story.skip(first.as_str(), "a mistake").expect("it goes on").stop.expect("a stop").subject, "second");
    assert_eq!(story.unskip(first.as_str()).expect("taken in").stop.expect("a stop").subject, "first");
    assert!(std::fs::read_to_string(story.folder().join("code")).expect("a file").contains("our ten"));
}

#[test]
fn a_resolution_that_was_made_without_a_patch_that_is_taken_in_again_is_made_anew() {
    let story = Story::new(
        &[(10, "upstream's ten"), (18, "upstream's eighteen")],
        &[
            ("first", &[(2, "two")]),
            ("second", &[(2, "two"), (10, "our ten")]),
            ("third", &[(2, "two"), (10, "our ten"), (18, "x")]),
        ],
    );
    story.begin();
    let second = story.sandbox.id("mitx/koa~1");
    let stop = story.skip(second.as_str(), "not wanted").expect("it goes on").stop.expect("the third conflicts");
    assert_eq!(stop.subject, "third");
    story.resolve(&lines(&[(2, "two"), (10, "upstream's ten"), (18, "both")]));
    assert!(story.proceed().expect("it goes on").stop.is_none());
    assert_eq!(story.unskip(second.as_str()).expect("taken in").stop.expect("its conflict").subject, "second");
    story.resolve(&lines(&[(2, "two"), (10, "both tens"), (18, "upstream's eighteen")]));
    let stop = story.proceed().expect("it goes on").stop.expect("the third conflicts again");
    assert_eq!(stop.subject, "third");
    let last = lines(&[(2, "two"), (10, "both tens"), (18, "both")]);
    story.resolve(&last);
    let done = story.proceed().expect("it goes on");
    assert!(done.stop.is_none(), "{done:?}");
    assert_eq!(story.code(&done.head), last);
}

#[test]
fn a_patch_that_was_left_out_is_taken_in_again() {
    let story = Story::with_a_conflict();
    story.begin();
    let second = story.sandbox.id("mitx/koa~1");
    let without = story.skip(second.as_str(), "not wanted").expect("it goes on");
    assert!(words(story.unskip("mitx/koa~2")).contains("names none of the 3 patches"));
    let unchanged = story.unskip(story.sandbox.id("mitx/koa").as_str()).expect("it is not left out");
    assert_eq!(unchanged, without);
    if without.stop.is_some() {
        std::fs::write(story.folder().join("code"), "a beginning\n").expect("written");
        assert!(words(story.unskip(second.as_str())).contains("somebody has begun to resolve"));
        story.skip(story.sandbox.id("mitx/koa").as_str(), "nor this").expect("it goes on");
    }
    let again = story.unskip(second.as_str()).expect("it is taken in");
    assert_eq!(again.stop.expect("its conflict").commit, second);
    story.resolve_second();
    let done = story.proceed().expect("it goes on");
    assert_eq!(done.skipped.iter().filter(|skipped| skipped.commit == second).count(), 0);
}

#[test]
fn a_patch_that_was_replayed_already_can_be_left_out_of_the_rest_and_of_the_result() {
    let story = Story::with_a_conflict();
    story.begin();
    let first = story.sandbox.id("mitx/koa~2");
    story.resolve_second();
    assert!(words(story.skip(first.as_str(), "why")).contains("somebody has begun to resolve"));
    story.proceed().expect("it goes on");
    let stop =
        story.skip(first.as_str(), "upstream withdrew it").expect("it is left out").stop.expect("the second again");
    assert_eq!(stop.subject, "second");
    story.resolve(&lines(&[(10, "both tens")]));
    let done = story.proceed().expect("it goes on");
    assert_eq!(story.code(&done.head), lines(&[(10, "both tens"), (18, "our eighteen")]));
    assert_eq!(done.skipped.len(), 1);
}

#[test]
fn a_later_patch_can_be_skipped_during_a_conflict_without_losing_work() {
    let story = Story::with_a_conflict();
    story.begin();
    story.resolve_second();
    let third = story.sandbox.id("mitx/koa");
    let standing = story.skip(third.as_str(), "not needed any more").expect("it is recorded");
    assert_eq!(standing.stop.expect("it still stops").subject, "second");
    let done = story.proceed().expect("it goes on");
    assert_eq!(story.code(&done.head), lines(&[(2, "our two"), (10, "upstream's and our ten")]));
    assert_eq!((done.done, done.skipped.len()), (3, 1));
}

#[test]
fn a_resolution_that_was_recorded_is_made_again() {
    let story = Story::with_a_conflict();
    story.begin();
    let second = story.sandbox.id("mitx/koa~1");
    story.resolve(&lines(&[(2, "our two"), (10, "a mistake")]));
    assert!(story.proceed().expect("it goes on").stop.is_none());
    let stop = story.unskip(second.as_str()).expect("taken back").stop.expect("its conflict");
    assert_eq!((stop.subject.as_str(), stop.offered.len()), ("second", 1), "the mistake is offered for review");
    story.resolve_second();
    let done = story.proceed().expect("it goes on");
    assert!(story.code(&done.head).contains("upstream's and our ten"));
    assert_eq!(done.resolved.len(), 1);
}
