//! Replays come to what `git rebase --onto` comes to, on random histories: tree, surviving patches with their authors,
//! dates and messages, dropped patches, conflicting ones and the files of each.
//!
//! Each shard has a seed of its own, so that a failure is there again in the next run, and shrinks what it finds.
#![expect(clippy::disallowed_methods, reason = "these tests start git, and give it their own PATH")]

#[path = "parity/contested.rs"]
mod contested;
mod support;

use std::cell::Cell;
use std::path::Path;

use cutover_patchstack::forecast::{self, Forecast, forecast};
use cutover_patchstack::git::{Environment, Git};
use cutover_patchstack::names::RefName;
use cutover_patchstack::replay::{AtConflict, Decisions, Engine, Replayed, replay};
use cutover_patchstack::repository::Repository;
use cutover_patchstack::stack::{Base, Stack};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use support::changes::Change;
use support::histories::{Commit, History, Ours, SETTINGS, Theirs, Told, any_history, tell};
use support::imported::empty;
use support::oracle::{Fate, Outcome, rebase, survivors, unlabelled};
use support::sandbox::Sandbox;

/// Eight shards of these are more than 500 cases.
const CASES: u32 = 66;

/// Where the result of a replay is kept, to be looked at.
const RESULT: &str = "refs/cutover/parity";

#[test]
fn replays_come_to_what_git_rebase_comes_to_shard_1() {
    shard(1);
}

#[test]
fn replays_come_to_what_git_rebase_comes_to_shard_2() {
    shard(2);
}

#[test]
fn replays_come_to_what_git_rebase_comes_to_shard_3() {
    shard(3);
}

#[test]
fn replays_come_to_what_git_rebase_comes_to_shard_4() {
    shard(4);
}

#[test]
fn replays_come_to_what_git_rebase_comes_to_shard_5() {
    shard(5);
}

#[test]
fn replays_come_to_what_git_rebase_comes_to_shard_6() {
    shard(6);
}

#[test]
fn replays_come_to_what_git_rebase_comes_to_shard_7() {
    shard(7);
}

#[test]
fn replays_come_to_what_git_rebase_comes_to_shard_8() {
    shard(8);
}

#[test]
fn attributes_that_the_stack_itself_brings_hold_for_the_patches_after_it() {
    let commit = |change| Commit { changes: vec![change], author: 0, message: 0, skew: 0 };
    let line = |text| Change::Replace { file: 0, line: 5, text };
    // From then on `*.py` is merged by a driver that keeps what is there, so the second patch comes to nothing.
    let attributes = Change::Attributes { inside: 0, are: 4 };
    let history = History {
        calm: false,
        settings: 0,
        attributes: 5,
        upstream: vec![Theirs::Commit(commit(line(0)))],
        backports: Vec::new(),
        stack: vec![Ours::Patch(commit(attributes)), Ours::Patch(commit(line(1)))],
    };
    let mix = Mix::default();
    compare(&history, &mix).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((mix.clean.get(), mix.empty.get()), (1, 1), "the driver was asked");
}

/// How many cases had what, so that a generator that no longer makes it does not pass for a proof.
#[derive(Default)]
struct Mix {
    clean: Cell<u32>,
    conflicting: Cell<u32>,
    merges: Cell<u32>,
    upstreamed: Cell<u32>,
    empty: Cell<u32>,
}

impl Mix {
    fn count(&self, of: &Cell<u32>, condition: bool) {
        of.set(of.get() + u32::from(condition));
    }

    fn assert_wide(&self) {
        let all = [&self.clean, &self.conflicting, &self.merges, &self.upstreamed, &self.empty].map(Cell::get);
        assert!(all[0] >= CASES / 5 && all[1] >= CASES / 3, "clean and conflicting cases: {all:?} of {CASES}");
        assert!(
            all[2..].iter().all(|count| *count >= CASES / 20),
            "cases with merges, upstreamed, empty: {all:?} of {CASES}"
        );
    }
}

fn shard(seed: u8) {
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    let mix = Mix::default();
    let result = runner.run(&any_history(), |history| compare(&history, &mix).map_err(TestCaseError::fail));
    match result {
        Ok(()) => mix.assert_wide(),
        Err(TestError::Fail(why, history)) => panic!("{why}\n\n{history:#?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Compares what the two come to on one history; says how they differ, and from what repository.
fn compare(history: &History, mix: &Mix) -> Result<(), String> {
    let sandbox = Sandbox::new(true);
    let folder = empty(&sandbox, "site");
    let told = tell(history, &sandbox, &folder);
    let (ours, stack) = replayed(&sandbox, &folder, &told)?;
    let git = rebase(&sandbox, &folder, &told);
    let ours = reconciled(ours, &git, &stack);
    mix.count(&mix.clean, !git.conflicts());
    mix.count(&mix.conflicting, git.conflicts());
    mix.count(&mix.merges, !stack.is_linear());
    mix.count(&mix.upstreamed, git.count(&Fate::Upstreamed) > 0);
    mix.count(&mix.empty, git.count(&Fate::Empty) > 0);
    if ours == git {
        return Ok(());
    }
    let settings = SETTINGS[history.settings];
    let differing: Vec<String> = ours
        .patches
        .iter()
        .zip(&git.patches)
        .filter(|(ours, git)| ours != git)
        .map(|(ours, git)| format!("  ours: {ours:?}\n  git:  {git:?}"))
        .collect();
    let stream = String::from_utf8_lossy(&told.stream);
    Err(format!(
        "the replay came to the tree {} and git rebase to {}; {} and {} patches. Of these differ:\n{}\n\nbase {}, onto {}, \
         settings {settings:?}\n{stream}",
        ours.tree,
        git.tree,
        ours.patches.len(),
        git.patches.len(),
        differing.join("\n"),
        told.base,
        told.onto,
    ))
}

/// What is not to be compared. Some conflicts leave no file unmerged in git's index, such as a folder that was split in
/// two: a forecast takes the files of such a one from git's words. And a change of mode alone is the same patch to
/// `git patch-id` even where git, when it marks cherries, tells a binary file from a text file of that name.
fn reconciled(mut ours: Outcome, git: &Outcome, stack: &Stack) -> Outcome {
    for (((_, ours), (_, git)), patch) in ours.patches.iter_mut().zip(&git.patches).zip(&stack.patches) {
        let mode_alone = patch.changes.iter().all(|change| change.before.1 == change.after.1);
        match (&mut *ours, git) {
            (Fate::Conflicts(files), Fate::Conflicts(unmerged)) if unmerged.is_empty() => files.clear(),
            (Fate::Upstreamed, Fate::Empty) if mode_alone => *ours = Fate::Empty,
            _ => {}
        }
    }
    ours
}

/// What the forecast says, and the replay of the same stack makes.
fn replayed(sandbox: &Sandbox, folder: &Path, told: &Told) -> Result<(Outcome, Stack), String> {
    let words = |error: cutover_patchstack::error::Error| format!("{error}: {:?}", std::error::Error::source(&error));
    let git = Git::find(Environment::new(sandbox.variables())).map_err(words)?;
    let repository = Repository::open(&git, folder).map_err(words)?;
    let revision = |name: &str| repository.revision(name).map_err(words);
    let onto = revision(&told.onto)?;
    let base = Base { commit: revision(&told.base)?.commit, found: "given".to_owned() };
    let stack = Stack::list(&repository, revision(&told.head)?, base).map_err(words)?;
    let forecast = forecast(&repository, &stack, &onto, &mut |_, _| {}).map_err(words)?;
    let mut engine = Engine::open(&repository, &onto.commit).map_err(words)?;
    let decisions = Decisions::default();
    let replayed = replay(&mut engine, &stack.patches, &onto.commit, &decisions, AtConflict::Skip, &mut |_| {});
    let replayed = replayed.map_err(words)?;
    let result = RefName::new(RESULT).map_err(words)?;
    engine.keep(&replayed.head, &result).map_err(words)?;
    consistent(&forecast, &replayed)?;
    let patches = fates(sandbox, folder, told, &stack, &forecast)?;
    Ok((Outcome { tree: forecast.tree.to_string(), patches }, stack))
}

/// A forecast names the very commits that a replay makes, one after the other.
fn consistent(forecast: &Forecast, replayed: &Replayed) -> Result<(), String> {
    if (&forecast.head, &forecast.tree) != (&replayed.head, &replayed.tree) {
        return Err(format!("the forecast names {:?}, and the replay made {:?}", forecast.head, replayed.head));
    }
    let last = forecast.patches.iter().filter_map(|patch| patch.becomes.as_ref()).next_back();
    if last.unwrap_or(&forecast.onto) != &forecast.head {
        return Err(format!("the last patch becomes {last:?}, and the head is {:?}", forecast.head));
    }
    match forecast.patches.iter().find(|patch| {
        let survives = matches!(patch.fate, forecast::Fate::Applies | forecast::Fate::Changed);
        survives != patch.becomes.is_some()
    }) {
        Some(odd) => Err(format!("{} {:?} becomes {:?}", odd.commit, odd.fate, odd.becomes)),
        None => Ok(()),
    }
}

/// The fates in the words of the oracle.
fn fates(
    sandbox: &Sandbox,
    folder: &Path,
    told: &Told,
    stack: &Stack,
    forecast: &Forecast,
) -> Result<Vec<(String, Fate)>, String> {
    let mut survivors = survivors(sandbox, folder, &told.onto, RESULT);
    let mut fates = Vec::new();
    for (patch, foreseen) in stack.patches.iter().zip(&forecast.patches) {
        let fate = match foreseen.fate {
            forecast::Fate::Upstreamed => Fate::Upstreamed,
            forecast::Fate::Empty | forecast::Fate::Included => Fate::Empty,
            forecast::Fate::Conflicts => {
                let mut files: Vec<String> = foreseen.files.iter().map(|file| unlabelled(file.as_bytes())).collect();
                files.sort();
                files.dedup();
                Fate::Conflicts(files)
            }
            forecast::Fate::Applies | forecast::Fate::Changed => {
                let written: jiff::Timestamp = patch.author.date.parse().map_err(|error| format!("{error}"))?;
                let words = survivors.remove(&written.as_second().to_string());
                Fate::Survives(words.ok_or_else(|| format!("{} is not in the result", patch.commit))?)
            }
        };
        fates.push((patch.commit.to_string(), fate));
    }
    if survivors.is_empty() { Ok(fates) } else { Err(format!("nobody knows of {survivors:?}")) }
}
