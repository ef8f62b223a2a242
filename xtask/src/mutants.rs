//! `cargo xtask mutants`: mutation testing. Changes the code in one place after the other and sees whether a test fails.
//!
//! A mutant that no test notices is a gap in the tests, or is listed in `xtask/equivalent-mutants.txt` with the reason why
//! no test can notice it. Mutants run in three passes, each with more tests than the one before and only on what that one
//! has missed: most mutants need no more than the quick tests of their own crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::tools;
use crate::workspace::Workspace;

/// What is mutated when nothing else is asked for: everything that decides in which order an upgrade does what.
const FILES: [&str; 4] = [
    "crates/engine/src/**/*.rs",
    "crates/core/src/planner/**/*.rs",
    "crates/core/src/plan/**/*.rs",
    "crates/core/src/journal/**/*.rs",
];
/// The list of mutants that no test can notice.
const EQUIVALENT: &str = "xtask/equivalent-mutants.txt";
/// The exit codes of a pass that came to its end: all mutants caught, some missed, some hung.
const DONE: [i32; 3] = [0, 2, 3];
/// A mutant that takes longer than this is counted as one that hangs, in seconds.
const TIMEOUT: &str = "1800";

/// A round over the mutants that the one before has missed.
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
        if outcomes.as_ref().is_some_and(|outcomes| outcomes.missed.is_empty()) {
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
    let equivalent = std::fs::read_to_string(workspace.path(EQUIVALENT)).unwrap_or_default();
    let report = Report::of(&outcomes.unwrap_or_default(), &equivalent);
    print!("{}", report.text());
    if report.unexplained.is_empty() { Ok(()) } else { Err(Failure::MutantsMissed(report.unexplained)) }
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

    /// The next pass has looked at what this one has missed.
    fn with_another_pass(mut self, next: &Self) -> Self {
        let caught: Vec<String> = self.missed.intersection(&next.caught).cloned().collect();
        self.missed.retain(|mutant| !next.caught.contains(mutant) && !next.hung.contains(mutant));
        self.caught.extend(caught);
        self.hung.extend(next.hung.iter().cloned());
        self
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

/// The score of each file, and the mutants that nothing explains.
#[derive(Debug, Default)]
struct Report {
    files: BTreeMap<String, Score>,
    unexplained: Vec<String>,
}

impl Report {
    fn of(outcomes: &Outcomes, equivalent: &str) -> Self {
        let equivalent: BTreeSet<&str> = equivalent.lines().filter(|line| !line.starts_with('#')).collect();
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

    fn set(mutants: &[&str]) -> BTreeSet<String> {
        mutants.iter().map(|mutant| (*mutant).to_owned()).collect()
    }

    #[test]
    fn a_missed_mutant_is_unexplained_until_it_is_listed_as_equivalent_wherever_its_line_is() {
        let outcomes = Outcomes { caught: set(&["crates/a.rs:1:1: x"]), missed: set(&[DRAIN]), hung: set(&[]) };
        assert_eq!(Report::of(&outcomes, "").unexplained, [DRAIN]);
        let listed =
            "# nothing drains\ncrates/core/src/planner/window/services.rs: replace drain -> Option<Step> with None\n";
        let report = Report::of(&outcomes, listed);
        assert_eq!((report.unexplained.len(), report.files.len()), (0, 2));
        assert!(report.text().ends_with("| all | 2 | 1 | 1 | 0 | 100 % |\n"), "{}", report.text());
    }

    #[test]
    fn what_the_next_pass_catches_is_caught_and_what_hangs_is_not() {
        let first = Outcomes { missed: set(&["f:1:1: a", "f:2:1: b", "f:3:1: c"]), ..Outcomes::default() };
        let second = Outcomes { caught: set(&["f:1:1: a"]), missed: set(&["f:2:1: b"]), hung: set(&["f:3:1: c"]) };
        let report = Report::of(&first.with_another_pass(&second), "");
        assert_eq!(report.unexplained, ["f:2:1: b", "f:3:1: c"]);
        assert_eq!(report.files["f"], Score { caught: 1, equivalent: 0, missed: 2 });
    }
}
