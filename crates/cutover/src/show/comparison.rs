//! Comparison of the two orders of an upgrade: where the time of the window goes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cutover_core::journal::{Run, critical_lines, gates_and_migrations, window_length};
use cutover_core::plan::Line;
use cutover_core::time::{human, rounded_seconds};
use serde::Serialize;

/// The windows of both orders. Their lengths are measured from the first change of DNS until the last site was served
/// again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The length of the window in the overlapped order.
    pub overlapped_seconds: f64,
    /// The length of the window in the runbook's order.
    pub runbook_seconds: f64,
    /// People's decisions and migrations in the overlapped window, which no order can shorten.
    pub gates_and_migrations_seconds: f64,
    /// The same in the runbook's window.
    pub runbook_gates_and_migrations_seconds: f64,
    /// The overlapped window divided by the runbook's, both without gates and migrations.
    pub ratio: f64,
    /// Where the time goes.
    pub lines: Vec<ComparedLine>,
}

/// The time that the critical path of each order spends on a line of the runbook.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedLine {
    /// The line.
    pub line: Line,
    /// In the overlapped order.
    pub overlapped_seconds: f64,
    /// In the runbook's order.
    pub runbook_seconds: f64,
}

impl Comparison {
    /// The windows of both orders; nothing if one of them did not reach its end.
    #[must_use]
    pub fn of(overlapped: &Run, runbook: &Run) -> Option<Self> {
        let lengths = [window_length(overlapped)?, window_length(runbook)?].map(rounded_seconds);
        let fixed = [overlapped, runbook].map(|run| rounded_seconds(gates_and_migrations(run)));
        let (least, most) = (lengths[0] - fixed[0], lengths[1] - fixed[1]);
        Some(Self {
            overlapped_seconds: lengths[0],
            runbook_seconds: lengths[1],
            gates_and_migrations_seconds: fixed[0],
            runbook_gates_and_migrations_seconds: fixed[1],
            ratio: if most > 0.0 { (least / most * 1000.0).round() / 1000.0 } else { 1.0 },
            lines: compared(overlapped, runbook),
        })
    }
}

fn compared(overlapped: &Run, runbook: &Run) -> Vec<ComparedLine> {
    let [overlapped, runbook] =
        [overlapped, runbook].map(|run| critical_lines(run).into_iter().collect::<BTreeMap<_, _>>());
    let lines: BTreeSet<Line> = overlapped.keys().chain(runbook.keys()).copied().collect();
    let of = |order: &BTreeMap<Line, Duration>, line| rounded_seconds(order.get(&line).copied().unwrap_or_default());
    let lines = lines.into_iter().map(|line| ComparedLine {
        line,
        overlapped_seconds: of(&overlapped, line),
        runbook_seconds: of(&runbook, line),
    });
    lines.filter(|line| line.overlapped_seconds + line.runbook_seconds > 0.0).collect()
}

/// Both orders, by the runbook's lines, in at most 80 columns.
#[must_use]
pub fn comparison_text(comparison: &Comparison) -> String {
    let row = |name: &str, overlapped: f64, runbook: f64| {
        let times =
            [overlapped, runbook].map(|seconds| human(Duration::try_from_secs_f64(seconds).unwrap_or_default()));
        format!("{name:<42} {:>12} {:>12}", times[0], times[1])
    };
    let rule = "-".repeat(68);
    let mut lines = vec![format!("{:<42} {:>12} {:>12}", "Where the window's time goes", "overlapped", "runbook")];
    lines.push(rule.clone());
    lines.extend(
        comparison.lines.iter().map(|line| row(line.line.words(), line.overlapped_seconds, line.runbook_seconds)),
    );
    let (least, most) = (comparison.overlapped_seconds, comparison.runbook_seconds);
    let fixed = (comparison.gates_and_migrations_seconds, comparison.runbook_gates_and_migrations_seconds);
    lines.push(rule);
    lines.push(row("the whole window", least, most));
    lines.push(row("of that, gates and migrations", fixed.0, fixed.1));
    lines.push(row("everything else", least - fixed.0, most - fixed.1));
    lines.push(String::new());
    lines
        .push(format!("Without gates and migrations, overlapped takes {:.2} of the runbook's time.", comparison.ratio));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use cutover_core::plan::{Order, Phase};

    use super::*;
    use crate::show::testing::{self, assert_fits};

    fn window(order: Order) -> Run {
        let deployment = testing::deployment();
        let upgrade = testing::fold(&testing::journal(&deployment, &[Phase::Window], order));
        upgrade.run_of(Phase::Window).expect("it was begun").clone()
    }

    fn comparison() -> Comparison {
        Comparison::of(&window(Order::Overlapped), &window(Order::Runbook)).expect("both ended")
    }

    #[test]
    fn both_orders_are_shown_side_by_side() {
        let text = comparison_text(&comparison());
        assert_fits(&text, 80);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_lines_add_up_to_the_windows() {
        let comparison = comparison();
        let sum = |of: fn(&ComparedLine) -> f64| comparison.lines.iter().map(of).sum::<f64>();
        assert!((sum(|line| line.overlapped_seconds) - comparison.overlapped_seconds).abs() < 0.01);
        assert!((sum(|line| line.runbook_seconds) - comparison.runbook_seconds).abs() < 0.01);
    }

    #[test]
    fn a_window_without_an_end_is_not_compared() {
        let mut unfinished = window(Order::Overlapped);
        unfinished.steps.clear();
        assert_eq!(Comparison::of(&unfinished, &window(Order::Runbook)), None);
    }
}
