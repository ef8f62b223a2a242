//! Forecasts of small stacks: every fate, and the reasons.

use super::*;
use crate::git::Git;
use crate::names::{GitPath, ObjectId};
use crate::repository::Repository;
use crate::stack::{Base, Stack};
use crate::testing::Sandbox;

const LINES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n";

/// `ours` and `upstream` part after a first commit with the file `f`; `ours` is checked out.
fn parted() -> (Sandbox, ObjectId) {
    let sandbox = Sandbox::new();
    let base = sandbox.commit("base", &[("f", LINES), ("g", LINES)]);
    sandbox.git(&["branch", "upstream"]);
    sandbox.git(&["checkout", "--quiet", "-b", "ours"]);
    (sandbox, base)
}

fn edit(sandbox: &Sandbox, subject: &str, path: &str, line: &str, new: &str) -> ObjectId {
    let text = std::fs::read_to_string(sandbox.repository().join(path)).expect("the file");
    let text = format!("\n{text}").replace(&format!("\n{line}\n"), &format!("\n{new}\n"));
    sandbox.commit(subject, &[(path, &text[1..])])
}

fn stack(repository: &Repository, base: &ObjectId) -> Stack {
    let branch = repository.revision("ours").expect("ours");
    Stack::list(repository, branch, Base { commit: base.clone(), found: "given".to_owned() }).expect("listed")
}

fn see(sandbox: &Sandbox, base: &ObjectId) -> Forecast {
    let before = sandbox.snapshot();
    let repository = sandbox.open();
    let onto = repository.revision("upstream").expect("upstream");
    let forecast = forecast(&repository, &stack(&repository, base), &onto, &mut |_, _| {}).expect("a forecast");
    assert_eq!(sandbox.snapshot(), before, "nothing of the operator's is touched");
    forecast
}

fn fates(forecast: &Forecast) -> Vec<Fate> {
    forecast.patches.iter().map(|patch| patch.fate).collect()
}

#[test]
fn a_patch_far_from_upstreams_changes_applies_and_one_beside_them_is_changed() {
    let (sandbox, base) = parted();
    edit(&sandbox, "far", "f", "15", "fifteen");
    edit(&sandbox, "near", "f", "4", "four");
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    edit(&sandbox, "theirs", "f", "2", "two");
    let forecast = see(&sandbox, &base);
    assert_eq!(fates(&forecast), [Fate::Applies, Fate::Changed]);
    assert!(forecast.is_clean());
    assert_eq!(forecast.patches[1].because, "the lines around it have changed in f");
}

#[test]
fn a_conflict_names_its_file_its_hunk_and_the_commit_that_caused_it() {
    let (sandbox, base) = parted();
    edit(&sandbox, "ours", "f", "10", "zehn");
    edit(&sandbox, "elsewhere", "g", "10", "dix");
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    edit(&sandbox, "harmless", "f", "1", "one");
    let culprit = edit(&sandbox, "the culprit", "f", "10", "ten");
    edit(&sandbox, "harmless too", "f", "20", "twenty");
    let forecast = see(&sandbox, &base);
    assert_eq!(fates(&forecast), [Fate::Conflicts, Fate::Applies]);
    let patch = &forecast.patches[0];
    assert_eq!(patch.files, [GitPath::new("f")]);
    assert_eq!((patch.hunks[0].there.as_str(), patch.hunks[0].patch.as_str()), ("ten\n", "zehn\n"));
    assert_eq!((&patch.upstream[0].commit, patch.upstream[0].culprit), (&culprit, true));
    assert_eq!(patch.upstream.len(), 3, "the others are named too");
    assert!(patch.because.contains("the culprit"), "{}", patch.because);
    assert!(!forecast.is_clean());
}

#[test]
fn a_patch_that_depends_on_a_conflicting_one_says_so() {
    let (sandbox, base) = parted();
    let first = edit(&sandbox, "first", "f", "10", "zehn");
    edit(&sandbox, "second", "f", "zehn", "zehn!");
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    edit(&sandbox, "theirs", "f", "10", "ten");
    let forecast = see(&sandbox, &base);
    assert_eq!(fates(&forecast), [Fate::Conflicts, Fate::Conflicts]);
    assert!(forecast.patches[0].depends_on.is_empty());
    assert_eq!(forecast.patches[1].depends_on, [first]);
    assert!(forecast.patches[1].because.starts_with("it needs "), "{}", forecast.patches[1].because);
}

#[test]
fn a_patch_that_upstream_has_is_upstreamed_and_one_whose_content_it_has_is_empty() {
    let (sandbox, base) = parted();
    let picked = edit(&sandbox, "picked", "f", "5", "five");
    edit(&sandbox, "half", "g", "5", "five");
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    sandbox.git(&["cherry-pick", picked.as_str()]);
    let twin = sandbox.id("HEAD");
    let both =
        sandbox.commit("both at once", &[("g", &LINES.replace("\n5\n", "\nfive\n").replace("\n9\n", "\nnine\n"))]);
    let forecast = see(&sandbox, &base);
    assert_eq!(fates(&forecast), [Fate::Upstreamed, Fate::Empty]);
    assert_eq!(forecast.patches[0].upstream[0].commit, twin);
    assert_eq!(forecast.patches[1].upstream[0].commit, both);
    assert_eq!(forecast.head, forecast.onto);
    assert_eq!(forecast.patches[0].becomes, None);
}

#[test]
fn a_patch_that_upstream_applied_and_changed_is_not_dropped_silently() {
    let (sandbox, base) = parted();
    let picked = edit(&sandbox, "picked", "f", "5", "five");
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    sandbox.git(&["cherry-pick", picked.as_str()]);
    edit(&sandbox, "refined", "f", "five", "cinq");
    let forecast = see(&sandbox, &base);
    assert_eq!(fates(&forecast), [Fate::Conflicts]);
    assert!(forecast.patches[0].because.starts_with("upstream has this patch as "));
}

#[test]
fn a_patch_that_upstream_reverted_still_conflicts() {
    let (sandbox, base) = parted();
    let picked = edit(&sandbox, "picked", "f", "5", "five");
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    sandbox.git(&["cherry-pick", picked.as_str()]);
    sandbox.git(&["revert", "--no-edit", "HEAD"]);
    edit(&sandbox, "another way", "f", "5", "cinq");
    let forecast = see(&sandbox, &base);
    assert_eq!(fates(&forecast), [Fate::Conflicts]);
    assert!(forecast.patches[0].because.contains("or reverted it"), "{}", forecast.patches[0].because);
}

#[test]
fn a_patch_made_empty_by_an_earlier_patch_is_not_called_upstreamed() {
    let (sandbox, base) = parted();
    sandbox.git(&["checkout", "--quiet", "-b", "topic"]);
    edit(&sandbox, "on the topic", "g", "5", "five");
    sandbox.git(&["checkout", "--quiet", "ours"]);
    edit(&sandbox, "on ours", "g", "5", "five");
    sandbox.git(&["merge", "--quiet", "--no-edit", "topic"]);
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    edit(&sandbox, "theirs", "f", "2", "two");
    let forecast = see(&sandbox, &base);
    assert_eq!(fates(&forecast), [Fate::Applies, Fate::Included]);
    let because = &forecast.patches[1].because;
    assert!(because.starts_with("it is the same change as patch 1 of ours, "), "{because}");
}

#[test]
fn a_patch_that_upstream_applied_and_reverted_is_kept() {
    let (sandbox, base) = parted();
    let picked = edit(&sandbox, "picked", "f", "5", "five");
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    sandbox.git(&["cherry-pick", picked.as_str()]);
    sandbox.git(&["revert", "--no-edit", "HEAD"]);
    assert_eq!(fates(&see(&sandbox, &base)), [Fate::Applies]);
}

#[test]
fn onto_its_own_base_a_stack_stays_the_very_same() {
    let (sandbox, base) = parted();
    edit(&sandbox, "one", "f", "5", "five");
    let head = edit(&sandbox, "two", "f", "6", "six");
    let forecast = see(&sandbox, &base);
    assert_eq!(forecast.head, head);
}

#[test]
fn what_a_merge_carries_beyond_its_patches_is_said_to_be_lost() {
    let (sandbox, base) = parted();
    sandbox.git(&["checkout", "--quiet", "-b", "topic"]);
    edit(&sandbox, "topic", "f", "5", "five");
    sandbox.git(&["checkout", "--quiet", "ours"]);
    edit(&sandbox, "ours", "f", "15", "fifteen");
    sandbox.git(&["merge", "--quiet", "--no-commit", "--no-ff", "topic"]);
    std::fs::write(sandbox.repository().join("extra"), "slipped in\n").expect("written");
    sandbox.git(&["add", "extra"]);
    sandbox.git(&["commit", "--quiet", "--message", "an evil merge"]);
    let forecast = see(&sandbox, &base);
    assert_eq!(forecast.flattening, Flattening { merges: 1, lost: vec![GitPath::new("extra")] });
    assert!(!forecast.is_clean());
}

#[test]
fn a_patch_on_what_only_the_old_release_has_says_so() {
    let (sandbox, base) = parted();
    let backport = edit(&sandbox, "backport", "f", "10", "backported");
    edit(&sandbox, "ours", "f", "backported", "ours");
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    edit(&sandbox, "new release", "g", "10", "ten");
    let _ = base;
    let forecast = see(&sandbox, &backport);
    assert_eq!(fates(&forecast), [Fate::Conflicts]);
    assert!(forecast.patches[0].because.contains("which the new base lacks"), "{}", forecast.patches[0].because);
    assert_eq!(forecast.patches[0].upstream[0].commit, backport);
}

#[test]
fn a_result_that_is_kept_is_a_ref_of_ours_and_whole() {
    let (sandbox, base) = parted();
    edit(&sandbox, "ours", "f", "10", "zehn");
    sandbox.git(&["checkout", "--quiet", "upstream"]);
    edit(&sandbox, "theirs", "g", "10", "ten");
    let head = see(&sandbox, &base).head;
    let before = sandbox.snapshot();
    let repository = sandbox.open();
    let onto = repository.revision("upstream").expect("upstream").commit;
    let mut engine = crate::replay::Engine::open(&repository, &onto).expect("an engine");
    let patches = stack(&repository, &base).patches;
    let (decisions, stop) = (crate::replay::Decisions::default(), crate::replay::AtConflict::Stop);
    let replayed =
        crate::replay::replay(&mut engine, &patches, &onto, &decisions, stop, &mut |_| {}).expect("a replay");
    assert_eq!(replayed.head, head, "a forecast names the commit that a rebase makes");
    let work = crate::names::RefName::new("refs/cutover/rebased/ours").expect("a ref");
    engine.keep(&head, &work).expect("kept");
    drop(engine);
    assert_eq!(sandbox.snapshot(), before);
    assert_eq!(sandbox.git(&["rev-parse", "refs/cutover/rebased/ours"]), head.as_str());
    sandbox.git(&["fsck", "--strict"]);
}

#[test]
fn a_git_that_is_too_old_is_refused_by_name() {
    let sandbox = Sandbox::new();
    let script = sandbox.folder().join("git");
    std::fs::write(&script, "#!/bin/sh\necho git version 2.39.5\n").expect("written");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
    let mut variables = sandbox.variables();
    variables.insert(0, ("PATH".into(), sandbox.folder().into()));
    variables.remove(1);
    let error = Git::find(crate::git::Environment::new(variables)).expect_err("too old");
    assert_eq!(error.to_string(), "git 2.39.5 is too old: 2.40.0 or later is needed");
    assert!(error.hint().contains("Debian 12"), "{}", error.hint());
}
