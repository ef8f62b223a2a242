//! The arithmetic of a plan: when each step begins, the critical path, what "back" costs, and whether it all
//! fits into the window.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Action, Plan, Step, Undo};
use crate::names::StepId;
use crate::time::{between, earlier};

/// When each step begins and ends if all of them take as long as stated, and which steps decide the length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Begin and end of each step from the plan's beginning, in the plan's order.
    pub spans: Vec<(Duration, Duration)>,
    /// The critical path: positions of steps in the plan, first to last.
    pub critical: Vec<usize>,
    /// The length of the critical path.
    pub length: Duration,
}

impl Schedule {
    /// The schedule of `steps`, each after all that it waits for, with `duration` for each. Edges to steps that
    /// are not among them count as ended.
    pub fn of(steps: &[Step], duration: impl Fn(&Step) -> Duration) -> Self {
        let places: HashMap<&StepId, usize> = steps.iter().enumerate().map(|(place, step)| (&step.id, place)).collect();
        let mut spans: Vec<(Duration, Duration)> = Vec::with_capacity(steps.len());
        let mut latest_before: Vec<Option<usize>> = Vec::with_capacity(steps.len());
        for (place, step) in steps.iter().enumerate() {
            let latest = step
                .waits_for
                .iter()
                .filter_map(|edge| places.get(&edge.step).copied().filter(|before| *before < place))
                .max_by_key(|before| spans[*before].1);
            let begin = latest.map_or(Duration::ZERO, |before| spans[before].1);
            spans.push((begin, begin + duration(step)));
            latest_before.push(latest);
        }
        let last = (0..steps.len()).max_by_key(|place| (spans[*place].1, std::cmp::Reverse(*place)));
        let mut critical: Vec<usize> = std::iter::successors(last, |place| latest_before[*place]).collect();
        critical.reverse();
        let length = last.map_or(Duration::ZERO, |place| spans[place].1);
        Self { spans, critical, length }
    }
}

/// The part of a window plan during which visitors see the maintenance page, and what is known of it in advance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowForecast {
    /// From the first change of DNS until all sites are served again.
    #[serde(rename = "expected_seconds", with = "crate::time::seconds")]
    pub expected: Duration,
    /// The steps that decide the length, first to last.
    pub critical_path: Vec<StepId>,
    /// The first step that nothing undoes, and how long after the opening it begins.
    pub point_of_no_return: Option<PointOfNoReturn>,
    /// How long it would take to go back from just before the point of no return.
    #[serde(rename = "back_seconds", with = "crate::time::seconds")]
    pub back: Duration,
    /// Started later, the window would end before the upgrade, or before a return from the last moment that
    /// allows one.
    pub latest_safe_start: Timestamp,
    /// Whether it fits into the announced window.
    pub fits: bool,
    /// How much of the announced window is left over when all goes as expected.
    #[serde(rename = "spare_seconds", with = "crate::time::seconds")]
    pub spare: Duration,
}

/// The first step that nothing undoes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointOfNoReturn {
    /// The step.
    pub step: StepId,
    /// How long after the opening it is expected to begin.
    #[serde(rename = "after_seconds", with = "crate::time::seconds")]
    pub after: Duration,
    /// Why it cannot be undone.
    pub because: String,
}

impl WindowForecast {
    /// What is known in advance of a window plan that should begin at `start` and end by `end`.
    #[must_use]
    pub fn of(plan: &Plan, start: Timestamp, end: Timestamp) -> Self {
        let steps = downtime_steps(plan);
        let schedule = Schedule::of(&steps, |step| step.expected);
        let served = served_at(&steps, &schedule);
        let point_of_no_return = point_of_no_return(&steps, &schedule);
        let until_no_return = point_of_no_return.as_ref().map_or(served, |point| point.after);
        let reversible: Vec<Step> = steps
            .iter()
            .zip(&schedule.spans)
            .filter(|(_, span)| span.1 <= until_no_return)
            .map(|(s, _)| s.clone())
            .collect();
        let back = Back::of(&reversible).length;
        let needed = served.max(until_no_return + back);
        let room = between(start, end);
        Self {
            expected: served,
            critical_path: schedule.critical.iter().map(|place| steps[*place].id.clone()).collect(),
            point_of_no_return,
            back,
            latest_safe_start: earlier(end, needed),
            fits: needed <= room,
            spare: room.saturating_sub(needed),
        }
    }
}

/// The steps of a window plan from the opening on: what is done before costs no downtime.
#[must_use]
pub fn downtime_steps(plan: &Plan) -> Vec<Step> {
    let opening = plan.steps.iter().rposition(|step| matches!(step.action, Action::WaitUntil { .. }));
    let from = opening.map_or(0, |place| place + 1);
    let mut steps: Vec<Step> = plan.steps[from..].to_vec();
    // What nobody's return to the site waits for, such as draining, is not downtime.
    steps.retain(|step| !matches!(step.action, Action::AwaitDrained(_)) || is_waited_for(&plan.steps, &step.id));
    steps
}

fn is_waited_for(steps: &[Step], id: &StepId) -> bool {
    steps.iter().any(|step| step.waits_for.iter().any(|edge| edge.step == *id))
}

/// The end of the last step that brings visitors back, or of all steps when none does.
fn served_at(steps: &[Step], schedule: &Schedule) -> Duration {
    let lifting = steps.iter().zip(&schedule.spans).filter(|(step, _)| step.line == super::Line::LiftPage);
    lifting.map(|(_, span)| span.1).max().unwrap_or(schedule.length)
}

fn point_of_no_return(steps: &[Step], schedule: &Schedule) -> Option<PointOfNoReturn> {
    let impossible = steps.iter().zip(&schedule.spans).filter_map(|(step, span)| match &step.undo {
        Undo::Impossible { because } => {
            Some(PointOfNoReturn { step: step.id.clone(), after: span.0, because: because.clone() })
        }
        Undo::By { .. } | Undo::Nothing => None,
    });
    impossible.min_by_key(|point| point.after)
}

/// What going back would mean from a set of steps that are done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Back {
    /// The steps whose inverse would be done, last one first.
    pub steps: Vec<StepId>,
    /// How long that is expected to take.
    #[serde(rename = "length_seconds", with = "crate::time::seconds")]
    pub length: Duration,
    /// The steps that nothing undoes, with the reasons. With any of these, "back" is no longer on offer.
    pub impossible: BTreeMap<StepId, String>,
}

impl Back {
    /// What going back would mean from `done`, each step after all that it waits for.
    #[must_use]
    pub fn of(done: &[Step]) -> Self {
        let undo_time = |step: &Step| match &step.undo {
            Undo::By { expected, .. } => *expected,
            Undo::Nothing | Undo::Impossible { .. } => Duration::ZERO,
        };
        // The way back has the same edges, turned round, so its longest path has the same length.
        let length = Schedule::of(done, undo_time).length;
        let steps = done.iter().rev().filter(|step| matches!(step.undo, Undo::By { .. })).map(|step| step.id.clone());
        let impossible = done.iter().filter_map(|step| match &step.undo {
            Undo::Impossible { because } => Some((step.id.clone(), because.clone())),
            Undo::By { .. } | Undo::Nothing => None,
        });
        Self { steps: steps.collect(), length, impossible: impossible.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Edge, Lane, Line, PageMayLift, Rule};

    fn step(id: &str, seconds: u64, waits_for: &[&str], undo: Undo) -> Step {
        Step {
            id: id.into(),
            lane: Lane::Deployment,
            line: Line::Open,
            title: id.to_owned(),
            action: Action::Milestone,
            waits_for: waits_for.iter().map(|step| Edge { step: (*step).into(), rule: Rule::Follows }).collect(),
            undo,
            page_may_lift: PageMayLift::Yes,
            expected: Duration::from_secs(seconds),
            limit: Duration::from_secs(seconds),
        }
    }

    fn by(seconds: u64) -> Undo {
        Undo::By { action: Box::new(Action::Milestone), expected: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_critical_path_is_the_longest_chain() {
        let steps = [
            step("a", 10, &[], Undo::Nothing),
            step("b", 50, &["a"], Undo::Nothing),
            step("c", 20, &["a"], Undo::Nothing),
            step("d", 5, &["b", "c"], Undo::Nothing),
        ];
        let schedule = Schedule::of(&steps, |step| step.expected);
        assert_eq!((schedule.critical, schedule.length), (vec![0, 1, 3], Duration::from_secs(65)));
        assert_eq!(schedule.spans[2], (Duration::from_secs(10), Duration::from_secs(30)));
    }

    #[test]
    fn the_way_back_turns_the_order_round_and_side_by_side_stays_so() {
        let done = [step("a", 1, &[], by(10)), step("b", 1, &["a"], by(5)), step("c", 1, &["a"], by(7))];
        let back = Back::of(&done);
        assert_eq!(back.length, Duration::from_secs(17));
        assert_eq!(back.steps, vec!["c".into(), "b".into(), "a".into()]);
        assert!(back.impossible.is_empty());
    }

    #[test]
    fn what_nothing_undoes_is_named_with_its_reason() {
        let done = [step("a", 1, &[], Undo::Impossible { because: "gone".into() })];
        assert_eq!(Back::of(&done).impossible.get(&"a".into()).map(String::as_str), Some("gone"));
    }
}
