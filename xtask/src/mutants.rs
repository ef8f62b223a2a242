//! `cargo xtask mutants`: mutation testing. Changes the code in one place after the other and sees whether a test
//! fails.
//!
//! A mutant that no test notices is a gap in the tests, or is listed in `xtask/equivalent-mutants.txt` with the reason
//! why no test can notice it. Mutants run in three passes, each with more tests than the one before and only on what
//! that one has missed: most mutants need no more than the quick tests of their own crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::tools;
use crate::workspace::Workspace;

/// What is mutated when nothing else is asked for: everything that decides in which order an upgrade does what.
const FILES: [&str; 5] = [
    "crates/engine/src/**/*.rs",
    "crates/core/src/planner/**/*.rs",
    "crates/core/src/plan/**/*.rs",
    "crates/core/src/journal/**/*.rs",
    "crates/core/src/status/**/*.rs",
];
/// The list of mutants that no test can notice.
const EQUIVALENT: &str = "xtask/equivalent-mutants.txt";
/// The exit codes of a pass that came to its end: all mutants caught, some missed, some hung.
const DONE: [i32; 3] = [0, 2, 3];
/// A mutant that takes longer than this is counted as one that hangs, in seconds.
const TIMEOUT: &str = "1800";

/// A round over the mutants that no test of the round before has noticed.
struct Pass {
    /// Which tests are run, for people.
    tests: &'static str,
    /// The crates whose tests are run; those of the mutated crate where none is named.
    packages: &'static [&'static str],
    /// The profile of nextest, in `.config/nextest.toml`.
    profile: &'static str,
}

const ALL: &[&str] = &["cutover-core", "cutover-engine", "cutover-rehearsal"];
const PASSES: [Pass; 3] = [
    Pass { tests: "the quick tests of the mutated crate", packages: &[], profile: "mutants" },
    Pass { tests: "all quick tests", packages: ALL, profile: "mutants" },
    Pass { tests: "all tests", packages: ALL, profile: "default" },
];

/// Runs all mutants, or those that `arguments` of cargo-mutants choose, such as `--file` or `--shard 1/8`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let tool = tools::cargo_mutants(workspace)?;
    let folder = workspace.mutants_folder();
    std::fs::create_dir_all(&folder).map_err(|source| Failure::NotWritten { file: folder.clone(), source })?;
    let mut outcomes: Option<Outcomes> = None;
    for pass in &PASSES {
        if outcomes.as_ref().is_some_and(Outcomes::are_all_caught) {
            break;
        }
        let begun = Instant::now();
        // What was caught before is left out.
        let again = outcomes.is_some().then_some("--iterate");
        let invocation = of_pass(workspace, &tool, pass, arguments).arguments(again);
        invocation.run_ending_with(&DONE, &format!("mutation testing with {}", pass.tests))?;
        let found = Outcomes::read(&folder);
        let (count, seconds) = (found.count(), begun.elapsed().as_secs());
        println!("{count} mutants with {} in {seconds} s\n", pass.tests);
        outcomes = Some(match outcomes {
            None => found,
            Some(before) => before.with_another_pass(&found),
        });
    }
    let outcomes = outcomes.filter(|outcomes| outcomes.count() > 0).ok_or(Failure::NoMutants)?;
    let file = workspace.path(EQUIVALENT);
    let equivalent =
        std::fs::read_to_string(&file).map_err(|source| Failure::NotRead { file: file.clone(), source })?;
    let report = Report::of(&outcomes, &all(workspace, &tool)?, &equivalent);
    print!("{}", report.text());
    match report {
        Report { unexplained, .. } if !unexplained.is_empty() => Err(Failure::MutantsMissed(unexplained)),
        Report { stale, .. } if !stale.is_empty() => Err(Failure::MutantsNotEquivalent(stale)),
        _ => Ok(()),
    }
}

/// All mutants of the files that are mutated when nothing else is asked for.
fn all(workspace: &Workspace, tool: &Path) -> Result<BTreeSet<String>, Failure> {
    let files = FILES.iter().flat_map(|file| ["--file", *file]);
    let list = workspace.program(tool, ["mutants", "--workspace", "--list"]).arguments(files);
    let text = list.output().filter(|text| !text.trim().is_empty()).ok_or(Failure::NoMutants)?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn of_pass(workspace: &Workspace, tool: &Path, pass: &Pass, arguments: &[String]) -> Invocation {
    let names_files = arguments.iter().any(|argument| argument == "--file" || argument == "-f");
    let files = FILES.iter().filter(|_| !names_files).flat_map(|file| ["--file".to_owned(), (*file).to_owned()]);
    let tests = pass.packages.iter().flat_map(|package| ["--test-package".to_owned(), (*package).to_owned()]);
    let folder = workspace.mutants_folder();
    workspace
        // Without `--workspace` only the crate that is built by default is looked at, and nothing of it is chosen here.
        .program(tool, ["mutants", "--workspace", "--test-tool", "nextest", "--timeout", TIMEOUT, "--output"])
        .arguments([folder.to_string_lossy()])
        .arguments(files)
        .arguments(tests)
        .arguments(arguments.iter().cloned())
        .environment("NEXTEST_PROFILE", pass.profile)
        // The dependencies are built once for all passes, and not again in every copy of the source.
        .environment("CARGO_TARGET_DIR", folder.join("target").to_string_lossy())
        // Snapshots are held against what is on record, and never written.
        .environment("INSTA_UPDATE", "no")
}

/// What became of mutants, each named as `FILE:LINE:COLUMN: WHAT`.
#[derive(Debug, Default)]
struct Outcomes {
    caught: BTreeSet<String>,
    missed: BTreeSet<String>,
    hung: BTreeSet<String>,
}

impl Outcomes {
    /// Reads what cargo-mutants has written. A list that is not there is empty.
    fn read(folder: &Path) -> Self {
        let list = |name: &str| {
            let text = std::fs::read_to_string(folder.join("mutants.out").join(name)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        Self { caught: list("caught.txt"), missed: list("missed.txt"), hung: list("timeout.txt") }
    }

    /// The next pass has run what this one has not caught. What it did not come to stays missed.
    fn with_another_pass(self, next: &Self) -> Self {
        let (now_caught, open): (BTreeSet<_>, BTreeSet<_>) =
            self.missed.into_iter().chain(self.hung).partition(|mutant| next.caught.contains(mutant));
        let (hung, missed) = open.into_iter().partition(|mutant| next.hung.contains(mutant));
        Self { caught: self.caught.into_iter().chain(now_caught).collect(), missed, hung }
    }

    /// Whether no further pass is needed.
    fn are_all_caught(&self) -> bool {
        self.missed.is_empty() && self.hung.is_empty()
    }

    /// How many viable mutants were run.
    fn count(&self) -> usize {
        self.caught.len() + self.missed.len() + self.hung.len()
    }
}

/// How many viable mutants of a file, or of all files, were caught, cannot be noticed, or were missed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Score {
    caught: usize,
    equivalent: usize,
    missed: usize,
}

impl Score {
    fn viable(self) -> usize {
        self.caught + self.equivalent + self.missed
    }

    /// A line of the table.
    fn row(self, file: &str) -> String {
        let Self { caught, equivalent, missed } = self;
        let viable = self.viable();
        let percent = ((caught + equivalent) * 100).checked_div(viable).unwrap_or(100);
        format!("| {file} | {viable} | {caught} | {equivalent} | {missed} | {percent} % |\n")
    }
}

/// The score of each file, the mutants that nothing explains, and the explanations of mutants that need none.
#[derive(Debug, Default)]
struct Report {
    files: BTreeMap<String, Score>,
    unexplained: Vec<String>,
    stale: Vec<String>,
}

impl Report {
    /// What `outcomes` say, where `equivalent` is the text of the list of equivalent mutants and `all` are the mutants
    /// that exist. Only some of them may have been run.
    fn of(outcomes: &Outcomes, all: &BTreeSet<String>, equivalent: &str) -> Self {
        let equivalent: BTreeSet<&str> =
            equivalent.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        let mut report = Self::default();
        for mutant in &outcomes.caught {
            report.of_file(mutant).caught += 1;
        }
        for mutant in outcomes.missed.iter().chain(&outcomes.hung) {
            if equivalent.contains(without_position(mutant).as_str()) {
                report.of_file(mutant).equivalent += 1;
            } else {
                report.of_file(mutant).missed += 1;
                report.unexplained.push(mutant.clone());
            }
        }
        let may_be_missed: BTreeSet<String> =
            all.difference(&outcomes.caught).map(|mutant| without_position(mutant)).collect();
        let stale = equivalent.into_iter().filter(|mutant| !may_be_missed.contains(*mutant));
        report.stale = stale.map(str::to_owned).collect();
        report
    }

    fn of_file(&mut self, mutant: &str) -> &mut Score {
        let file = mutant.split(':').next().unwrap_or_default();
        self.files.entry(file.to_owned()).or_default()
    }

    /// A table with the score of each file.
    fn text(&self) -> String {
        let head =
            "| file | viable | caught | equivalent | missed | caught or equivalent |\n|---|---|---|---|---|---|\n";
        let rows: String = self.files.iter().map(|(file, score)| score.row(file)).collect();
        let all = self.files.values().fold(Score::default(), |sum, score| Score {
            caught: sum.caught + score.caught,
            equivalent: sum.equivalent + score.equivalent,
            missed: sum.missed + score.missed,
        });
        format!("{head}{rows}{}", all.row("all"))
    }
}

/// A mutant without its line and column, which move with every change of the file.
fn without_position(mutant: &str) -> String {
    let mut parts = mutant.splitn(4, ':');
    let (file, what) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    format!("{file}:{what}")
}

impl Workspace {
    /// Where mutants are built and their outcomes are kept.
    fn mutants_folder(&self) -> PathBuf {
        self.tools_folder().with_file_name("mutants")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: &str = "crates/core/src/planner/window/services.rs:50:9: replace drain -> Option<Step> with None";

    const LISTED: &str =
        "# nothing drains\n\ncrates/core/src/planner/window/services.rs: replace drain -> Option<Step> with None\n";

    fn set(mutants: &[&str]) -> BTreeSet<String> {
        mutants.iter().map(|mutant| (*mutant).to_owned()).collect()
    }

    #[test]
    fn a_missed_mutant_is_unexplained_until_it_is_listed_as_equivalent_wherever_its_line_is() {
        let outcomes = Outcomes { caught: set(&["crates/a.rs:1:1: x"]), missed: set(&[DRAIN]), hung: set(&[]) };
        assert_eq!(Report::of(&outcomes, &set(&[DRAIN]), "").unexplained, [DRAIN]);
        let report = Report::of(&outcomes, &set(&[DRAIN]), LISTED);
        assert_eq!((report.unexplained.len(), report.files.len()), (0, 2));
        assert!(report.text().ends_with("| all | 2 | 1 | 1 | 0 | 100 % |\n"), "{}", report.text());
    }

    #[test]
    fn an_explanation_is_stale_once_its_mutant_is_caught_or_gone_but_not_while_it_has_not_been_run() {
        let stale = |caught: &[&str], all: &[&str]| {
            let outcomes = Outcomes { caught: set(caught), ..Outcomes::default() };
            Report::of(&outcomes, &set(all), LISTED).stale
        };
        assert_eq!(stale(&[], &[DRAIN]), [""; 0]);
        let listed = without_position(DRAIN);
        assert_eq!(stale(&[DRAIN], &[DRAIN]), [listed.as_str()]);
        assert_eq!(stale(&[], &[]), [listed.as_str()]);
        let elsewhere = DRAIN.replace(":50:", ":60:");
        assert_eq!(stale(&[DRAIN], &[DRAIN, &elsewhere]), [""; 0], "one of the two may still be missed");
    }

    #[test]
    fn the_next_pass_runs_what_was_missed_or_hung_and_what_it_catches_is_caught() {
        let list = ["f:1:1: a", "f:2:1: b", "f:3:1: c", "f:4:1: d"];
        let first = Outcomes { missed: set(&list[..3]), hung: set(&list[3..]), ..Outcomes::default() };
        let second = Outcomes { caught: set(&[list[0], list[3]]), missed: set(&[list[1]]), hung: set(&[list[2]]) };
        let both = first.with_another_pass(&second);
        assert!(!both.are_all_caught());
        let report = Report::of(&both, &BTreeSet::new(), "");
        assert_eq!(report.unexplained, [list[1], list[2]]);
        assert_eq!(report.files["f"], Score { caught: 2, equivalent: 0, missed: 2 });
    }

    #[test]
    fn another_pass_follows_while_any_mutant_is_missed_or_hangs() {
        let hangs = Outcomes { hung: set(&["f:1:1: a"]), ..Outcomes::default() };
        assert!(!hangs.are_all_caught());
        let misses = Outcomes { missed: set(&["f:1:1: a"]), ..Outcomes::default() };
        assert!(!misses.are_all_caught());
        assert!(Outcomes { caught: set(&["f:1:1: a"]), ..Outcomes::default() }.are_all_caught());
    }

    #[test]
    fn every_test_that_is_left_to_the_last_pass_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let profiles = std::fs::read_to_string(root.join(".config/nextest.toml")).expect("the profiles can be read");
        let names: Vec<&str> = profiles
            .split("test(")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
            .filter(|name| is_word(name))
            .collect();
        assert!(names.len() > 3, "{names:?}");
        let tests =
            ["crates/engine/tests", "crates/rehearsal/tests"].map(|folder| sources(&root.join(folder))).concat();
        let gone: Vec<&&str> = names.iter().filter(|name| !tests.contains(&format!("fn {name}"))).collect();
        assert!(gone.is_empty(), "no test has a name that begins like this: {gone:?}");
    }

    fn is_word(name: &str) -> bool {
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    }

    /// The text of all files of a folder and of the folders in it.
    fn sources(folder: &Path) -> String {
        let paths =
            std::fs::read_dir(folder).expect("the folder can be read").map(|entry| entry.expect("an entry").path());
        let text = |path: &PathBuf| std::fs::read_to_string(path).expect("it can be read");
        paths.map(|path| if path.is_dir() { sources(&path) } else { text(&path) }).collect()
    }
}
