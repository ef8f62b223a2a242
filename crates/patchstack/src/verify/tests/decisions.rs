//! Decisions on patches that upstream had and has withdrawn.

use super::{accounts, by_hand, is_written, under_way};
use crate::ledger::{Account, How, Ledger};
use crate::rebase::tests::story::Story;
use crate::releases::Conventions;

/// The subjects of patches of `mitx/koa` that somebody has to decide about.
fn to_decide(story: &Story) -> Vec<String> {
    let stack = story.request().stack;
    let found = crate::withdrawn::of_stack(&story.open(), &Conventions::default(), &stack).expect("found");
    found.into_iter().map(|it| it.subject).collect()
}

/// A branch with one patch on a candidate that upstream has cut again from an earlier commit, and its rebase onto `koa.rc3`.
fn withdrawn() -> Story {
    let sandbox = crate::testing::Sandbox::new();
    let release = |name: &str, commit: &str| {
        let name = format!("refs/remotes/upstream/open-release/koa.{name}");
        sandbox.git(&["update-ref", "--create-reflog", &name, commit]);
    };
    sandbox.commit("rc1", &[("a", "1\n")]);
    release("rc1", "HEAD");
    sandbox.commit("a mistake", &[("b", "1\n")]);
    release("rc2", "HEAD");
    sandbox.git(&["checkout", "--quiet", "-b", "mitx/koa"]);
    sandbox.commit("ours", &[("ours", "1\n")]);
    sandbox.git(&["checkout", "--quiet", "-b", "rc3", "mitx/koa~2"]);
    sandbox.commit("rc3", &[("c", "1\n")]);
    release("rc3", "HEAD");
    release("rc2", "mitx/koa~2");
    sandbox.git(&["tag", "old", "mitx/koa~2"]);
    sandbox.git(&["branch", "up", "rc3"]);
    Story { sandbox }
}

#[test]
fn what_upstream_withdrew_is_kept_by_a_decision_only_and_the_next_verification_knows_it() {
    let story = withdrawn();
    let standing = story.begin();
    assert_eq!(standing.withdrawn.iter().map(|it| it.subject.as_str()).collect::<Vec<_>>(), ["a mistake"]);
    let undecided = under_way(&story, &[]).expect("it is compared");
    assert_eq!(accounts(&undecided), "a mistake unexplained, ours kept");
    assert!(!is_written(&story, &undecided));
    let what = undecided.unexplained().next().expect("one").account.clone();
    assert!(matches!(what, Account::Unexplained { what, .. } if what.contains("upstream/open-release/koa.rc2 until")));
    let mistake = story.sandbox.id("mitx/koa~1");
    let kept = under_way(&story, &[(mistake.as_str(), "our theme needs it")]).expect("it is compared");
    assert_eq!(accounts(&kept), "a mistake adopted, ours kept");
    assert!(is_written(&story, &kept));
    // As after a rebase that changes no commit: nothing is asked again, also of a head on top of it, while that ledger is there.
    let mut before = Ledger { new: kept.old.clone(), ..kept };
    for entry in &mut before.entries {
        if let Account::Adopted { now, .. } = &mut entry.account {
            now.clone_from(&entry.patch.commit);
        }
    }
    before.write(&story.open()).expect("written");
    assert_eq!(accounts(&under_way(&story, &[]).expect("it is compared")), "a mistake adopted, ours kept");
    assert_eq!(to_decide(&story), Vec::<String>::new());
    story.sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
    story.sandbox.commit("more of ours", &[("more", "1\n")]);
    assert_eq!(to_decide(&story), Vec::<String>::new());
    story.sandbox.git(&["notes", "--ref=cutover", "remove", "mitx/koa~1"]);
    assert_eq!(to_decide(&story), ["a mistake"]);
}

#[test]
fn an_explanation_of_a_withdrawn_patch_that_was_changed_as_well_is_about_both_and_both_are_named() {
    let story = withdrawn();
    story.sandbox.git(&["checkout", "--quiet", "-B", "by-hand", "up"]);
    story.sandbox.git(&["cherry-pick", "--no-commit", "mitx/koa~1"]);
    std::fs::write(story.sandbox.repository().join("c"), "2\n").expect("written");
    story.sandbox.git(&["commit", "--quiet", "--all", "--reuse-message=mitx/koa~1"]);
    story.sandbox.git(&["cherry-pick", "mitx/koa"]);
    let unexplained = by_hand(&story, "by-hand", &[]).expect("it is compared");
    let Account::Unexplained { what, .. } = &unexplained.entries[0].account else { panic!("{unexplained:?}") };
    assert!(
        what.contains("upstream has withdrawn it") && what.contains("its changes to c are different now"),
        "{what}"
    );
    let mistake = story.sandbox.id("mitx/koa~1");
    let explained = by_hand(&story, "by-hand", &[(mistake.as_str(), "both are needed")]).expect("it is compared");
    let Account::Adopted { how: Some(How::Explained(how)), because, .. } = &explained.entries[0].account else {
        panic!("{explained:?}")
    };
    assert_eq!((how.as_str(), because.as_str()), ("both are needed", "both are needed"));
}

#[test]
fn what_upstream_withdrew_can_be_left_out_when_the_rebase_starts() {
    let story = withdrawn();
    let mistake = story.sandbox.id("mitx/koa~1");
    let request =
        crate::rebase::Request { skip: vec![(mistake, "upstream withdrew it".to_owned())], ..story.request() };
    let standing = crate::rebase::begin(&story.open(), request, &mut |_, _| {}).expect("it begins");
    assert_eq!(standing.withdrawn, []);
    let ledger = under_way(&story, &[]).expect("it is compared");
    assert_eq!(accounts(&ledger), "a mistake dropped, ours kept");
    assert!(is_written(&story, &ledger));
}
