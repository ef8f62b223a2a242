//! `cargo xtask mutants`: mutation testing. It changes the code at one place at a time and checks whether a test fails.
//!
//! A mutant that no test notices is a gap in the tests, or is listed in `xtask/equivalent-mutants.txt` with the reason
//! why no test can notice it. Mutants run in two passes: the quick tests first, then all tests on what those have
//! missed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::tools;
use crate::workspace::Workspace;

/// The crates whose tests are run.
const TESTED_BY: [&str; 3] = ["cutover-core", "cutover-engine", "cutover-rehearsal"];
/// The files that are mutated by default: all code that determines what an upgrade does, and in which order.
const FILES: [&str; 4] = [
    "crates/engine/src/**/*.rs",
    "crates/core/src/planner/**/*.rs",
    "crates/core/src/plan/**/*.rs",
    "crates/core/src/journal/**/*.rs",
];
/// The list of mutants that no test can notice.
const EQUIVALENT: &str = "xtask/equivalent-mutants.txt";
/// The exit codes of a pass that reached its end: all mutants caught, some missed, some hung.
const DONE: [i32; 3] = [0, 2, 3];
/// A mutant whose tests take longer than this many seconds counts as hung.
const TIMEOUT: &str = "600";

/// Runs all mutants, or those that `arguments` for cargo-mutants select, such as `--file` or `--shard 1/8`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let tool = tools::cargo_mutants(workspace)?;
    let folder = workspace.mutants_folder();
    std::fs::create_dir_all(&folder).map_err(|source| Failure::NotWritten { file: folder.clone(), source })?;
    let quick = pass(workspace, &tool, arguments).environment("NEXTEST_PROFILE", "mutants");
    quick.run_ending_with(&DONE, "mutation testing with the quick tests")?;
    let outcomes = Outcomes::read(&folder);
    if !outcomes.missed.is_empty() {
        // Mutants that were caught in the first pass are left out.
        let all = pass(workspace, &tool, arguments).arguments(["--iterate"]);
        all.run_ending_with(&DONE, "mutation testing with all tests")?;
    }
    let outcomes = outcomes.with_second_pass(&Outcomes::read(&folder));
    let equivalent = std::fs::read_to_string(workspace.path(EQUIVALENT)).unwrap_or_default();
    let report = Report::of(&outcomes, &equivalent);
    print!("{}", report.text());
    if report.unexplained.is_empty() { Ok(()) } else { Err(Failure::MutantsMissed(report.unexplained)) }
}

fn pass(workspace: &Workspace, tool: &Path, arguments: &[String]) -> Invocation {
    let names_files = arguments.iter().any(|argument| argument == "--file" || argument == "-f");
    let files = FILES.iter().filter(|_| !names_files).flat_map(|file| ["--file".to_owned(), (*file).to_owned()]);
    let tests = TESTED_BY.iter().flat_map(|package| ["--test-package".to_owned(), (*package).to_owned()]);
    workspace
        .program(tool, ["mutants", "--test-tool", "nextest", "--no-shuffle", "--timeout", TIMEOUT, "--output"])
        .arguments([workspace.mutants_folder().to_string_lossy()])
        .arguments(files)
        .arguments(tests)
        .arguments(arguments.iter().cloned())
        // Snapshots are only compared, never written.
        .environment("INSTA_UPDATE", "no")
}

/// The outcome of each mutant, which is named `FILE:LINE:COLUMN: WHAT`.
#[derive(Debug, Default)]
struct Outcomes {
    caught: BTreeSet<String>,
    missed: BTreeSet<String>,
    hung: BTreeSet<String>,
}

impl Outcomes {
    /// Reads the lists that cargo-mutants has written. A missing list is empty.
    fn read(folder: &Path) -> Self {
        let list = |name: &str| {
            let text = std::fs::read_to_string(folder.join("mutants.out").join(name)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        Self { caught: list("caught.txt"), missed: list("missed.txt"), hung: list("timeout.txt") }
    }

    /// These outcomes, updated with those of the second pass, which ran the mutants that this one missed.
    fn with_second_pass(mut self, second: &Self) -> Self {
        let caught: Vec<String> = self.missed.intersection(&second.caught).cloned().collect();
        self.missed.retain(|mutant| !second.caught.contains(mutant) && !second.hung.contains(mutant));
        self.caught.extend(caught);
        self.hung.extend(second.hung.iter().cloned());
        self
    }
}

/// The score of each file, and the missed mutants that are not listed as equivalent.
#[derive(Debug, Default)]
struct Report {
    /// Counts by file how many viable mutants there are, and how many of them were caught or are equivalent.
    files: BTreeMap<String, (usize, usize)>,
    unexplained: Vec<String>,
}

impl Report {
    fn of(outcomes: &Outcomes, equivalent: &str) -> Self {
        let equivalent: BTreeSet<&str> = equivalent.lines().filter(|line| !line.starts_with('#')).collect();
        let mut report = Self::default();
        let noticed = outcomes.caught.iter().map(|mutant| (mutant, true));
        for (mutant, is_caught) in
            noticed.chain(outcomes.missed.iter().chain(&outcomes.hung).map(|mutant| (mutant, false)))
        {
            let file = mutant.split(':').next().unwrap_or_default().to_owned();
            let is_explained = is_caught || equivalent.contains(without_position(mutant).as_str());
            let (viable, good) = report.files.entry(file).or_default();
            *viable += 1;
            *good += usize::from(is_explained);
            if !is_explained {
                report.unexplained.push(mutant.clone());
            }
        }
        report
    }

    /// A table with the score of each file.
    fn text(&self) -> String {
        let mut text = String::from("| file | viable | caught or equivalent | score |\n|---|---|---|---|\n");
        let total = self.files.values().fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1));
        let rows = self.files.iter().map(|(file, score)| (file.as_str(), score)).chain([("all", &total)]);
        for (file, (viable, good)) in rows {
            let score = (good * 100).checked_div(*viable).unwrap_or(100);
            text.push_str(&format!("| {file} | {viable} | {good} | {score} % |\n"));
        }
        text
    }
}

/// A mutant without its line and column, which move with every change of the file.
fn without_position(mutant: &str) -> String {
    let mut parts = mutant.splitn(4, ':');
    let (file, what) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    format!("{file}:{what}")
}

impl Workspace {
    /// The folder in which mutants are built and their outcomes are kept.
    fn mutants_folder(&self) -> PathBuf {
        self.tools_folder().with_file_name("mutants")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: &str = "crates/core/src/planner/window/services.rs:50:9: replace drain -> Option<Step> with None";

    fn set(mutants: &[&str]) -> BTreeSet<String> {
        mutants.iter().map(|mutant| (*mutant).to_owned()).collect()
    }

    #[test]
    fn a_missed_mutant_is_unexplained_until_it_is_listed_as_equivalent_on_any_line() {
        let outcomes = Outcomes { caught: set(&["crates/a.rs:1:1: x"]), missed: set(&[DRAIN]), hung: set(&[]) };
        assert_eq!(Report::of(&outcomes, "").unexplained, [DRAIN]);
        let listed =
            "# nothing drains\ncrates/core/src/planner/window/services.rs: replace drain -> Option<Step> with None\n";
        let report = Report::of(&outcomes, listed);
        assert_eq!((report.unexplained.len(), report.files.len()), (0, 2));
        assert!(report.text().ends_with("| all | 2 | 2 | 100 % |\n"), "{}", report.text());
    }

    #[test]
    fn mutants_that_the_second_pass_catches_are_caught_and_those_that_hang_are_not() {
        let first = Outcomes { missed: set(&["f:1:1: a", "f:2:1: b", "f:3:1: c"]), ..Outcomes::default() };
        let second = Outcomes { caught: set(&["f:1:1: a"]), missed: set(&["f:2:1: b"]), hung: set(&["f:3:1: c"]) };
        let report = Report::of(&first.with_second_pass(&second), "");
        assert_eq!(report.unexplained, ["f:2:1: b", "f:3:1: c"]);
        assert_eq!(report.files["f"], (3, 1));
    }
}
