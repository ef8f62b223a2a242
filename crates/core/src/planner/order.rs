//! The order of steps: the runbook's own order if it is requested, and the order of the list of steps in every plan.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::build::step;
use crate::name_map::NameMap;
use crate::names::StepId;
use crate::plan::{Action, Edge, Line, Phase, Rule, Step};

/// `steps` with the runbook's own order added: each line ends on all hosts before the next one starts. Within a line,
/// hosts are not ordered. A milestone between two lines keeps the number of edges linear.
pub(super) fn by_line(steps: Vec<Step>, phase: Phase) -> Vec<Step> {
    let lines: BTreeSet<Line> = steps.iter().map(|step| step.line).collect();
    let mut by_line: BTreeMap<Line, Vec<Step>> = lines.iter().map(|line| (*line, Vec::new())).collect();
    for step in steps {
        by_line.entry(step.line).or_default().push(step);
    }
    let mut ordered = Vec::new();
    let mut ended: Option<StepId> = None;
    for (index, (line, steps)) in by_line.into_iter().enumerate() {
        let id = StepId::from(format!("{phase}.line-{}-ends", index + 1));
        let mut milestone = step(id.clone(), line, format!("all ended: {}", line.words()), Action::Milestone);
        milestone.expected = Duration::ZERO;
        for mut step in steps {
            milestone.waits_for.push(Edge { step: step.id.clone(), rule: Rule::RunbookLine });
            if let Some(ended) = &ended {
                step = step.after(ended, Rule::RunbookLine);
            }
            ordered.push(step);
        }
        ordered.push(milestone);
        ended = Some(id);
    }
    ordered
}

/// `steps` in an order in which each one comes after all steps that it waits for. Apart from that, the given order is
/// kept. The planner makes no cycles; if there were one, its steps would come last, and the linter would find it.
pub(super) fn sorted(steps: Vec<Step>) -> Vec<Step> {
    let indices: NameMap<&StepId, usize> = steps.iter().enumerate().map(|(index, step)| (&step.id, index)).collect();
    let mut unmet: Vec<usize> = Vec::with_capacity(steps.len());
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (index, step) in steps.iter().enumerate() {
        let before: Vec<usize> = step.waits_for.iter().filter_map(|edge| indices.get(&edge.step).copied()).collect();
        unmet.push(before.len());
        before.into_iter().for_each(|before| followers[before].push(index));
    }
    let mut free: BTreeSet<usize> = (0..steps.len()).filter(|index| unmet[*index] == 0).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some(index) = free.pop_first() {
        order.push(index);
        for follower in &followers[index] {
            unmet[*follower] -= 1;
            if unmet[*follower] == 0 {
                free.insert(*follower);
            }
        }
    }
    let placed: BTreeSet<usize> = order.iter().copied().collect();
    order.extend((0..steps.len()).filter(|index| !placed.contains(index)));
    let mut steps: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| steps[index].take()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order(steps: &[(&str, &[&str])]) -> Vec<String> {
        let steps = steps.iter().map(|(id, before)| {
            let before: Vec<StepId> = before.iter().map(|id| (*id).into()).collect();
            step(*id, Line::Open, *id, Action::Milestone).after_all(&before, Rule::Follows)
        });
        sorted(steps.collect()).into_iter().map(|step| step.id.to_string()).collect()
    }

    #[test]
    fn steps_come_after_all_that_they_wait_for_and_otherwise_in_the_order_given() {
        assert_eq!(in_order(&[("last", &["a", "b"]), ("b", &["a"]), ("c", &[]), ("a", &[])]), ["c", "a", "b", "last"]);
    }

    #[test]
    fn steps_of_a_cycle_come_last_and_none_is_lost() {
        assert_eq!(in_order(&[("a", &["b"]), ("b", &["a"]), ("c", &[])]), ["c", "a", "b"]);
    }
}
