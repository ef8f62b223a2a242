//! A stack of which most patches conflict: the forecast comes to what `git rebase` comes to, and its explanations stay what
//! they were when each conflict was explained by whole merges and a `git log` of its own.

use std::path::Path;

use cutover_patchstack::forecast::{Depth, Fate, Forecast, Step, forecast_step_by_step};
use cutover_patchstack::git::Environment;
use cutover_patchstack::repository::Repository;
use cutover_patchstack::stack::{Base, Stack};

use crate::support::contested::{Mix, NEW, OLD, stream};
use crate::support::histories::Told;
use crate::support::imported::{empty, import};
use crate::support::oracle::{self, Outcome, rebase, unlabelled};
use crate::support::sandbox::Sandbox;

const UPSTREAM: usize = 300;
const MIX: Mix = Mix { patches: 40, conflicts: 24 };

#[test]
fn a_contested_stack_comes_to_what_git_rebase_comes_to_and_its_explanations_stay() {
    let sandbox = Sandbox::new(true);
    let folder = empty(&sandbox, "site");
    let stream = stream(UPSTREAM, &[MIX]);
    import(&sandbox, &folder, &stream);
    let mut told = Vec::new();
    let forecast = made(&sandbox, &folder, Depth::Causes, &mut |conflict| told.push(conflict));
    insta::assert_snapshot!(explanations(&forecast));

    let conflicts: Vec<String> = forecast
        .patches
        .iter()
        .filter(|patch| patch.fate == Fate::Conflicts)
        .map(|patch| patch.subject.clone())
        .collect();
    assert_eq!(told, conflicts, "they are told in the order of the stack, each once");

    let brief = made(&sandbox, &folder, Depth::Outcomes, &mut |_| panic!("nothing is explained"));
    let outcomes = |forecast: &Forecast| {
        let patches = forecast.patches.iter().map(|patch| (patch.commit.clone(), patch.fate, patch.files.clone()));
        (forecast.head.clone(), patches.collect::<Vec<_>>())
    };
    assert_eq!(outcomes(&brief), outcomes(&forecast));

    let id = |name: &str| String::from_utf8_lossy(&sandbox.git(&folder, &["rev-parse", name])).trim().to_owned();
    let told = Told { base: id(OLD), onto: id(NEW), head: id(&MIX.branch()), stream };
    assert_eq!(ours(&forecast), without_words(rebase(&sandbox, &folder, &told)));
}

fn made(sandbox: &Sandbox, folder: &Path, depth: Depth, hear: &mut dyn FnMut(String)) -> Forecast {
    let repository = Repository::with_git_found(Environment::new(sandbox.variables()), folder).expect("it opens");
    let revision = |name: &str| repository.revision(name).expect("it is there");
    let base = Base { commit: revision(OLD).commit, found: "given".to_owned() };
    let stack = Stack::list(&repository, revision(&MIX.branch()), base).expect("it is listed");
    let mut step = |step: Step<'_>| {
        if let Step::Conflict(patch) = step {
            hear(patch.subject.clone());
        }
    };
    forecast_step_by_step(&repository, &stack, &revision(NEW), depth, &mut step).expect("it is forecast")
}

/// What is compared: the words of commits are not, since replays of random histories compare them.
fn ours(forecast: &Forecast) -> Outcome {
    let fate = |patch: &cutover_patchstack::forecast::PatchForecast| match patch.fate {
        Fate::Applies | Fate::Changed => oracle::Fate::Survives(String::new()),
        Fate::Upstreamed => oracle::Fate::Upstreamed,
        Fate::Included | Fate::Empty => oracle::Fate::Empty,
        Fate::Conflicts => {
            let mut files: Vec<String> = patch.files.iter().map(|file| unlabelled(file.as_bytes())).collect();
            files.sort();
            oracle::Fate::Conflicts(files)
        }
    };
    let patches = forecast.patches.iter().map(|patch| (patch.commit.to_string(), fate(patch))).collect();
    Outcome { tree: forecast.tree.to_string(), patches }
}

fn without_words(mut outcome: Outcome) -> Outcome {
    for (_, fate) in &mut outcome.patches {
        if let oracle::Fate::Survives(words) = fate {
            words.clear();
        }
    }
    outcome
}

/// Every patch with its fate, and every conflict with all that explains it.
fn explanations(forecast: &Forecast) -> String {
    let mut lines = Vec::new();
    for patch in &forecast.patches {
        lines.push(format!("{} {:?} {}", patch.subject, patch.fate, patch.because));
        lines.extend(patch.files.iter().map(|file| format!("  in {file}")));
        lines.extend(patch.depends_on.iter().map(|needed| format!("  needs {}", needed.short())));
        lines.extend(patch.upstream.iter().map(|commit| {
            format!("  {} {} {}", if commit.culprit { '*' } else { ' ' }, commit.commit.short(), commit.subject)
        }));
        lines.extend(patch.hunks.iter().map(|hunk| format!("  at {}:{}", hunk.path, hunk.line)));
    }
    lines.join("\n")
}
