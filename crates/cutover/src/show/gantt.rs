//! A phase as it was run, as bars over time: one row for each group of similar steps, by lane.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::journal::{Run, StepStatus, critical_path};
use cutover_core::names::StepId;
use cutover_core::plan::{Lane, StepGroup, StepGroups};
use cutover_core::time::{between, later};
use jiff::Timestamp;

use super::text::{axis, fit, fraction};

/// The legend of the bars.
pub(super) const LEGEND: &str = "#  under way      =  on the critical path      !  failed";

/// The rows of groups that were under way between `from` and `to`: `label` columns of text, then `width` columns of
/// time.
pub(super) fn gantt(run: &Run, from: Timestamp, to: Timestamp, label: usize, width: usize) -> String {
    let groups = StepGroups::of(&run.plan);
    let critical: BTreeSet<StepId> = critical_path(run).steps.into_iter().map(|(step, _)| step).collect();
    let scale = Scale { run, critical, from, to, width };
    let mut lanes: BTreeMap<&Lane, Vec<String>> = BTreeMap::new();
    for group in groups.list.iter().filter(|group| !group.milestone) {
        if let Some(bar) = scale.bar(group) {
            let row = format!("{:<label$} {bar}", fit(&group.title, label));
            lanes.entry(&group.lane).or_default().push(row.trim_end().to_owned());
        }
    }
    let axis = format!("{:label$} {}", "", axis(between(from, to), width));
    let mut lines = vec![axis];
    for (lane, rows) in lanes {
        lines.push(lane.to_string());
        lines.extend(rows);
    }
    lines.join("\n")
}

struct Scale<'a> {
    run: &'a Run,
    critical: BTreeSet<StepId>,
    from: Timestamp,
    to: Timestamp,
    width: usize,
}

impl Scale<'_> {
    /// The bar of a group; nothing if none of its steps was under way in that time.
    fn bar(&self, group: &StepGroup) -> Option<String> {
        let mut bar = vec![' '; self.width];
        for position in &group.steps {
            let step = &self.run.plan.steps[*position];
            let step_run = self.run.run(&step.id);
            let Some(started) = step_run.started_at else { continue };
            let ended = step_run.ended_at.unwrap_or(self.to);
            if ended < self.from || started >= self.to || ended == self.from && started < ended {
                continue;
            }
            let mark = if self.critical.contains(&step.id) { '=' } else { '#' };
            let (first, last) = (self.column(started), self.column(ended).max(self.column(started) + 1));
            for column in &mut bar[first..last.min(self.width)] {
                *column = if mark == '=' || *column == ' ' { mark } else { *column };
            }
            if matches!(step_run.status, StepStatus::Failed { .. }) {
                bar[last.min(self.width) - 1] = '!';
            }
        }
        let bar: String = bar.into_iter().collect();
        (!bar.trim().is_empty()).then_some(bar)
    }

    /// The column of `moment`; moments outside are in the first or the last column.
    fn column(&self, moment: Timestamp) -> usize {
        let whole = between(self.from, self.to);
        let ends_after = |column: usize| later(self.from, whole.mul_f64(fraction(column + 1, self.width))) > moment;
        let columns: Vec<usize> = (0..self.width).collect();
        columns.partition_point(|column| !ends_after(*column)).min(self.width - 1)
    }
}
