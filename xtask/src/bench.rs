//! The benchmarks, and whether their figures keep their bounds.
//!
//! A benchmark prints a table. The last column of each row is the part of its bound that a figure takes: `0.97` keeps the
//! bound and `1.03` misses it. `~` before the number says that the figure varies from run to run, so a small excess is no
//! miss. A row without a bound has no number there.

use crate::failure::Failure;
use crate::workspace::Workspace;

/// How far a figure that varies may exceed its bound.
const TOLERANCE: f64 = 0.10;

/// Runs the benchmarks with further arguments for `cargo bench`.
///
/// # Errors
/// When they cannot run, or a figure misses its bound.
pub(crate) fn run(workspace: &Workspace, arguments: Vec<String>) -> Result<(), Failure> {
    let benchmarks =
        workspace.cargo(["bench", "-p", "cutover", "-p", "cutover-patchstack", "--bench", "*"]).arguments(arguments);
    let mut missed = Vec::new();
    benchmarks.run_reading("benchmarks", |line| missed.extend(miss(line)))?;
    if missed.is_empty() { Ok(()) } else { Err(Failure::BoundsMissed(missed)) }
}

/// What a line of output says about a figure that misses its bound.
fn miss(line: &str) -> Option<String> {
    let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let [figure, measured, bound, part] = cells[..] else { return None };
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
