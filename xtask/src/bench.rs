//! The benchmarks, and whether their figures keep their bounds.
//!
//! A benchmark prints a table. The last column of each row is the part of its bound that a figure takes: `0.97` keeps
//! the bound and `1.03` misses it. `~` before the number says that the figure varies from run to run, so a small excess
//! is no miss. A row without a bound has no number there.

use std::collections::BTreeSet;
use std::fs;

use crate::e2e;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::machines::{self, Kind};
use crate::python;
use crate::workspace::Workspace;

/// How far a figure that varies may exceed its bound.
const TOLERANCE: f64 = 0.10;

/// Measures how fast many hosts are asked, on machines that are booted for that.
///
/// # Errors
/// When no machines can be booted here, or a figure misses its bound.
pub(crate) fn hosts(workspace: &Workspace) -> Result<(), Failure> {
    let machines = machines::require(workspace)?.of(Some(Kind::Machines))?;
    let peers = python::require_peers(workspace)?;
    let benchmark = machines.tell(workspace.cargo(["bench", "-p", "cutover-rig", "--bench", "hosts"]));
    judge(&read(&benchmark.environment("CUTOVER_PEERS", peers.to_string_lossy()))?)
}

/// Compares how long a window on real parts takes with its forecast.
///
/// # Errors
/// When no machines can be booted here, the upgrade fails, or the forecast misses its bound.
pub(crate) fn forecast(workspace: &Workspace) -> Result<(), Failure> {
    judge(&read(&e2e::upgrade(workspace, None, Some("--figures"))?)?)
}

/// Runs benchmarks, and returns what they have printed.
fn read(benchmarks: &Invocation) -> Result<Vec<String>, Failure> {
    let mut output = Vec::new();
    benchmarks.run_reading("benchmarks", |line| output.push(line.to_owned()))?;
    if figures(output.iter().map(String::as_str)).is_empty() { Err(Failure::NoFigures) } else { Ok(output) }
}

fn judge(output: &[String]) -> Result<(), Failure> {
    let missed: Vec<String> = output.iter().filter_map(|line| miss(line)).collect();
    if missed.is_empty() { Ok(()) } else { Err(Failure::BoundsMissed(missed)) }
}

/// Runs the benchmarks with further arguments for `cargo bench`.
///
/// # Errors
/// When they cannot run, a figure misses its bound, or a figure is missing: without arguments, all that the README
/// shows must be there, and with arguments at least one.
pub(crate) fn run(workspace: &Workspace, arguments: Vec<String>) -> Result<(), Failure> {
    let readme = workspace.path("README.md");
    let promised = fs::read_to_string(&readme).map_err(|source| Failure::NotRead { file: readme, source })?;
    let selects = !arguments.is_empty();
    let benchmarks =
        workspace.cargo(["bench", "-p", "cutover", "-p", "cutover-patchstack", "--bench", "*"]).arguments(arguments);
    let output = read(&benchmarks)?;
    let shown = figures(output.iter().map(String::as_str));
    let missing: Vec<String> =
        figures(promised.lines()).difference(&shown).map(|figure| (*figure).to_owned()).collect();
    if !selects && !missing.is_empty() {
        return Err(Failure::FiguresMissing(missing));
    }
    judge(&output)
}

/// The names of the figures in each table of figures.
fn figures<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let (mut figures, mut in_table) = (BTreeSet::new(), false);
    for line in lines {
        let row = cells(line);
        in_table = row.is_some() && (in_table || row == Some(HEADING));
        figures.extend(row.filter(|row| in_table && *row != HEADING && !row[0].starts_with('-')).map(|row| row[0]));
    }
    figures
}

const HEADING: [&str; 4] = ["figure", "measured", "bound", "of the bound"];

/// The cells of a table's row, if it has four.
fn cells(line: &str) -> Option<[&str; 4]> {
    let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    cells.try_into().ok()
}

/// What a line of output says about a figure that misses its bound.
fn miss(line: &str) -> Option<String> {
    let [figure, measured, bound, part] = cells(line)?;
    let (part, most) = match part.strip_prefix('~') {
        Some(part) => (part, 1.0 + TOLERANCE),
        None => (part, 1.0),
    };
    // Written so that a figure that is not a number misses its bound too.
    let keeps = part.parse::<f64>().ok()? <= most;
    (!keeps).then(|| format!("{figure}: {measured}, and the bound is {bound}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misses(part: &str) -> bool {
        miss(&format!("| upgrades per second | 280 | at least 300 | {part} |")).is_some()
    }

    #[test]
    fn a_figure_misses_its_bound_where_it_takes_more_than_all_of_it() {
        assert!(!misses("0.20") && !misses("1.00"));
        assert!(misses("1.01") && misses("17.00") && misses("inf") && misses("NaN"));
    }

    #[test]
    fn a_figure_that_varies_may_exceed_its_bound_a_little() {
        assert!(!misses("~0.97") && !misses("~1.10"));
        assert!(misses("~1.11") && misses("~inf") && misses("~NaN"));
    }

    #[test]
    fn a_missed_bound_is_told_with_its_figure() {
        let line = "| window of 1,000 hosts over its critical path | 1300 s / 1000 s | 1.02 | 1.27 |";
        let told = "window of 1,000 hosts over its critical path: 1300 s / 1000 s, and the bound is 1.02";
        assert_eq!(miss(line).as_deref(), Some(told));
    }

    #[test]
    fn figures_are_named_in_tables_of_figures_only() {
        let output = "| command | what | it | does |\n| a | b | c | d |\n\n| figure | measured | bound | of the bound |\n\
                      |---|---|---|---|\n| one | 1 | 2 | 0.50 |\n| two | 1 | | |\n\n| three | 1 | 2 | 0.50 |";
        assert_eq!(figures(output.lines()), ["one", "two"].into());
        assert!(figures("running 0 tests".lines()).is_empty());
    }

    #[test]
    fn the_figures_of_the_readme_are_found() {
        let readme = include_str!("../../README.md");
        assert!(figures(readme.lines()).len() > 20, "{:?}", figures(readme.lines()));
    }

    #[test]
    fn headings_rows_without_a_bound_and_other_output_are_no_figures() {
        for line in [
            "| figure | measured | bound | of the bound |",
            "|---|---|---|---|",
            "| replay of 20 patches | 51 ms / 470 ms | | |",
            "| a step's cost over that of bare files | 1.4 x | (a peer) | - |",
            "     Running benches/figures.rs (target/release/deps/figures-0123)",
            "",
        ] {
            assert_eq!(miss(line), None, "{line}");
        }
    }
}
