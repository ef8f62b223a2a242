//! The times of a plan: when each step starts, the critical path, how long going back takes, and whether everything
//! fits into the window.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::frontier::{Frontier, earlier_positions};
use super::{Action, Plan, Step, Undo, Work};
use crate::names::StepId;
use crate::time::{between, earlier};

/// When each step starts and ends if all steps take as long as stated, and which steps determine the length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The start and end of each step, counted from the start of the plan, in the plan's order.
    pub spans: Vec<(Duration, Duration)>,
    /// The critical path: positions of steps in the plan, first to last. There is a gap between two of them if the
    /// second one has to wait until fewer steps do the same kind of work.
    pub critical: Vec<usize>,
    /// When the last step ends.
    pub length: Duration,
}

impl Schedule {
    /// The schedule of `steps`, each after all steps that it waits for, with `duration` for each and with the limits of
    /// [`Work`] on concurrent steps. Of those that can start, the ones with the longest work after them start first, as
    /// in the conductor. Edges to steps that are not among `steps` are ignored.
    pub fn of(steps: &[Step], duration: impl Fn(&Step) -> Duration) -> Self {
        Self::within(steps, duration, Work::side_by_side)
    }

    /// The same for steps that were carried out, with the `duration` that each one really took. This includes waiting
    /// for other steps, so no limits apply.
    pub fn of_past(steps: &[Step], duration: impl Fn(&Step) -> Duration) -> Self {
        Self::within(steps, duration, |_| None)
    }

    fn within(steps: &[Step], duration: impl Fn(&Step) -> Duration, limit: fn(Work) -> Option<usize>) -> Self {
        let durations: Vec<Duration> = steps.iter().map(duration).collect();
        let before = earlier_positions(steps);
        let spans = Simulation::new(steps, &durations, &before, limit).run();
        let latest_before = |position: &usize| before[*position].iter().copied().max_by_key(|before| spans[*before].1);
        let last = (0..steps.len()).max_by_key(|position| (spans[*position].1, Reverse(*position)));
        let mut critical: Vec<usize> = std::iter::successors(last, latest_before).collect();
        critical.reverse();
        let length = last.map_or(Duration::ZERO, |position| spans[position].1);
        Self { spans, critical, length }
    }
}

/// The longest time from the start of each step to the end of everything after it, without limits on concurrent steps.
/// The steps with the longest such time start first.
#[must_use]
pub fn tails(steps: &[Step]) -> Vec<Duration> {
    let durations: Vec<Duration> = steps.iter().map(|step| step.expected).collect();
    longest_after(&durations, &earlier_positions(steps))
}

fn longest_after(durations: &[Duration], before: &[Vec<usize>]) -> Vec<Duration> {
    let mut tails = vec![Duration::ZERO; durations.len()];
    for position in (0..durations.len()).rev() {
        tails[position] += durations[position];
        for earlier in &before[position] {
            tails[*earlier] = tails[*earlier].max(tails[position]);
        }
    }
    tails
}

/// Simulates steps: each one starts as soon as all steps that it waits for have ended and its kind of work has room.
struct Simulation<'a> {
    works: Vec<Work>,
    durations: &'a [Duration],
    frontier: Frontier,
    tails: Vec<Duration>,
    /// How many more steps may start, by kind of work.
    room: BTreeMap<Work, usize>,
    /// The steps that can start, by kind of work: those with the longest tail first, then in the plan's order.
    ready: BTreeMap<Work, BinaryHeap<(Duration, Reverse<usize>)>>,
    coming: BinaryHeap<Reverse<(Duration, Turn)>>,
    spans: Vec<(Duration, Duration)>,
}

/// The next event of a simulation. At the same time, room is freed before steps end, so that it is available for the
/// steps after them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Room(Work),
    Ends(usize),
}

impl<'a> Simulation<'a> {
    fn new(steps: &[Step], durations: &'a [Duration], before: &[Vec<usize>], limit: fn(Work) -> Option<usize>) -> Self {
        let works: Vec<Work> = steps.iter().map(|step| step.action.work()).collect();
        Self {
            room: works.iter().filter_map(|work| Some((*work, limit(*work)?))).collect(),
            works,
            durations,
            frontier: Frontier::of(before),
            tails: longest_after(durations, before),
            ready: BTreeMap::new(),
            coming: BinaryHeap::new(),
            spans: vec![(Duration::ZERO, Duration::ZERO); steps.len()],
        }
    }

    fn run(mut self) -> Vec<(Duration, Duration)> {
        self.can_begin(self.frontier.first());
        self.begin_what_fits(Duration::ZERO);
        while let Some(Reverse((now, turn))) = self.coming.pop() {
            self.turn(turn);
            // All events at one time are processed before any step starts at that time.
            while let Some(Reverse((_, turn))) = self.coming.peek().copied().filter(|Reverse((at, _))| *at == now) {
                self.coming.pop();
                self.turn(turn);
            }
            self.begin_what_fits(now);
        }
        self.spans
    }

    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Room(work) => *self.room.entry(work).or_default() += 1,
            Turn::Ends(position) => {
                let free = self.frontier.done(position);
                self.can_begin(free);
            }
        }
    }

    fn can_begin(&mut self, positions: Vec<usize>) {
        for position in positions {
            let ready = self.ready.entry(self.works[position]).or_default();
            ready.push((self.tails[position], Reverse(position)));
        }
    }

    fn begin_what_fits(&mut self, now: Duration) {
        for (work, ready) in &mut self.ready {
            let mut room = self.room.get_mut(work);
            while room.as_ref().is_none_or(|room| **room > 0) {
                let Some((_, Reverse(position))) = ready.pop() else { break };
                let duration = self.durations[position];
                self.spans[position] = (now, now + duration);
                self.coming.push(Reverse((now + duration, Turn::Ends(position))));
                if let Some(room) = &mut room {
                    **room -= 1;
                    self.coming.push(Reverse((now + duration.min(Work::EXPECTED), Turn::Room(*work))));
                }
            }
        }
    }
}

/// The part of a window plan during which visitors see the maintenance page, and its forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowForecast {
    /// From the first change of DNS until all sites are served again.
    #[serde(rename = "expected_seconds", with = "crate::time::seconds")]
    pub expected: Duration,
    /// The steps that determine the length, first to last.
    pub critical_path: Vec<StepId>,
    /// The first step that cannot be undone, and how long after the opening it starts.
    pub point_of_no_return: Option<PointOfNoReturn>,
    /// How long it would take to go back from just before the point of no return.
    #[serde(rename = "back_seconds", with = "crate::time::seconds")]
    pub back: Duration,
    /// Started later, the window would end before the upgrade, or before a return from the last moment that
    /// allows one.
    pub latest_safe_start: Timestamp,
    /// Whether it fits into the window.
    pub fits: bool,
    /// How much of the window is left if everything takes as long as expected.
    #[serde(rename = "spare_seconds", with = "crate::time::seconds")]
    pub spare: Duration,
}

/// The first step that cannot be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointOfNoReturn {
    /// The step.
    pub step: StepId,
    /// How long after the opening it is expected to start.
    #[serde(rename = "after_seconds", with = "crate::time::seconds")]
    pub after: Duration,
    /// Why it cannot be undone.
    pub because: String,
}

impl WindowForecast {
    /// The forecast of a window plan that should start at `start` and end by `end`.
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
            critical_path: schedule.critical.iter().map(|position| steps[*position].id.clone()).collect(),
            point_of_no_return,
            back,
            latest_safe_start: earlier(end, needed),
            fits: needed <= room,
            spare: room.saturating_sub(needed),
        }
    }
}

/// The steps of a window plan from the opening on. Steps before that cause no downtime.
#[must_use]
pub fn downtime_steps(plan: &Plan) -> Vec<Step> {
    let opening = plan.steps.iter().rposition(|step| matches!(step.action, Action::WaitUntil { .. }));
    let from = opening.map_or(0, |position| position + 1);
    let waited_for: HashSet<&StepId> =
        plan.steps.iter().flat_map(|step| &step.waits_for).map(|edge| &edge.step).collect();
    // Steps for which no visitor's return has to wait, such as draining, are not part of the downtime.
    let counts = |step: &&Step| match step.action {
        Action::AwaitDrained(_) => waited_for.contains(&step.id),
        // Visitors are back by then.
        _ => step.line != super::Line::Soak,
    };
    plan.steps[from..].iter().filter(counts).cloned().collect()
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

/// What going back would mean after a set of steps is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Back {
    /// The steps whose inverse would be done, last one first.
    pub steps: Vec<StepId>,
    /// How long that is expected to take.
    #[serde(rename = "length_seconds", with = "crate::time::seconds")]
    pub length: Duration,
    /// The steps that cannot be undone, with the reasons. If there are any, going back is not possible.
    pub impossible: BTreeMap<StepId, String>,
}

impl Back {
    /// What going back would mean after `done`, in which each step comes after all steps that it waits for.
    #[must_use]
    pub fn of(done: &[Step]) -> Self {
        let undo_time = |step: &Step| match &step.undo {
            Undo::By { expected, .. } => *expected,
            Undo::Nothing | Undo::Impossible { .. } => Duration::ZERO,
        };
        // The way back has the same limits and the same edges in the opposite direction, so it takes as long as the way
        // forward.
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
    use crate::plan::{CheckSite, Line, Phase, Via};
    use crate::testing;

    fn step(id: &str, seconds: u64, waits_for: &[&str], undo: Undo) -> Step {
        let length = Duration::from_secs(seconds);
        let step = testing::step(id, Action::Milestone, waits_for);
        Step { line: Line::Open, undo, expected: length, limit: length, ..step }
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

    /// Steps that connect to hosts, for so many seconds each.
    fn connecting(count: usize, seconds: u64) -> Vec<Step> {
        let action = Action::CheckSite(CheckSite {
            site: "lms".into(),
            host: "lms.z".into(),
            via: Via::PublicDns,
            checks: Vec::new(),
            requests: 1,
        });
        let connect =
            |number| Step { action: action.clone(), ..step(&format!("c{number}"), seconds, &[], Undo::Nothing) };
        (0..count).map(connect).collect()
    }

    fn limit() -> usize {
        Work::Connections.side_by_side().expect("connections are limited")
    }

    #[test]
    fn more_steps_than_fit_side_by_side_begin_when_others_have_given_their_orders() {
        let steps = connecting(2 * limit() + 1, 30);
        let schedule = Schedule::of(&steps, |step| step.expected);
        let started = |second| schedule.spans.iter().filter(|span| span.0 == Duration::from_secs(second)).count();
        assert_eq!([started(0), started(1), started(2)], [limit(), limit(), 1]);
        assert_eq!(schedule.length, Duration::from_secs(32));
        assert_eq!(Schedule::of_past(&steps, |step| step.expected).length, Duration::from_secs(30));
    }

    #[test]
    fn waiting_has_no_limit_and_takes_no_place_from_others() {
        let waiting = (0..1000).map(|number| step(&format!("w{number}"), 9, &[], Undo::Nothing));
        let steps: Vec<Step> = waiting.chain(connecting(limit(), 9)).collect();
        assert_eq!(Schedule::of(&steps, |step| step.expected).length, Duration::from_secs(9));
    }

    #[test]
    fn of_more_steps_than_fit_those_with_most_to_come_after_them_begin_first() {
        let mut steps = connecting(limit() + 1, 5);
        let last = steps[limit()].id.clone();
        steps.push(step("after", 60, &[last.as_str()], Undo::Nothing));
        let schedule = Schedule::of(&steps, |step| step.expected);
        assert_eq!(schedule.spans[limit()].0, Duration::ZERO);
        assert_eq!(schedule.length, Duration::from_secs(65));
        assert_eq!(schedule.critical, [limit(), limit() + 1]);
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

    #[test]
    fn a_step_that_waits_for_itself_or_for_a_later_one_is_taken_as_if_it_did_not() {
        let steps = [step("a", 10, &["a", "b"], Undo::Nothing), step("b", 5, &["a"], Undo::Nothing)];
        assert_eq!(Schedule::of(&steps, |step| step.expected).length, Duration::from_secs(15));
    }

    fn window(steps: Vec<Step>) -> Plan {
        testing::plan(Phase::Window, steps)
    }

    fn forecast(steps: Vec<Step>, room: u64) -> WindowForecast {
        let end = crate::time::later(Timestamp::UNIX_EPOCH, Duration::from_secs(room));
        WindowForecast::of(&window(steps), Timestamp::UNIX_EPOCH, end)
    }

    #[test]
    fn a_window_has_room_for_the_way_back_from_right_before_the_point_of_no_return() {
        let steps = vec![
            step("a", 10, &[], by(100)),
            step("b", 20, &["a"], Undo::Impossible { because: "gone".into() }),
            step("c", 5, &["b"], by(1000)),
        ];
        let forecast = forecast(steps, 120);
        assert_eq!(forecast.point_of_no_return.map(|point| point.after), Some(Duration::from_secs(10)));
        assert_eq!(forecast.back, Duration::from_secs(100), "what begins later is never taken back");
        assert_eq!((forecast.fits, forecast.spare), (true, Duration::from_secs(10)));
        assert_eq!(forecast.latest_safe_start.as_second(), 10);
    }

    #[test]
    fn a_window_is_expected_to_end_when_the_page_is_lifted_or_with_its_last_step_where_none_lifts_it() {
        let lift = Step { line: Line::LiftPage, ..step("lift", 5, &["a"], Undo::Nothing) };
        let steps = vec![step("a", 10, &[], Undo::Nothing), lift, step("after", 60, &["lift"], Undo::Nothing)];
        let expected = |steps| forecast(steps, 3600).expected.as_secs();
        assert_eq!(expected(steps.clone()), 15);
        assert_eq!(expected(steps.into_iter().map(|step| Step { line: Line::Open, ..step }).collect()), 75);
    }

    #[test]
    fn draining_is_downtime_only_where_something_waits_for_it() {
        let drained = Action::AwaitDrained(crate::plan::Membership {
            balancer: "lb".into(),
            kind: crate::deployment::BalancerKind::Classic,
            hosts: Vec::new(),
        });
        let drain = Step { action: drained, ..step("drain", 300, &[], Undo::Nothing) };
        let ids =
            |steps| downtime_steps(&window(steps)).into_iter().map(|step| step.id.to_string()).collect::<Vec<_>>();
        let free = step("a", 1, &[], Undo::Nothing);
        assert_eq!(ids(vec![drain.clone(), free.clone()]), ["a"]);
        assert_eq!(ids(vec![drain, step("a", 1, &["drain"], Undo::Nothing)]), ["drain", "a"]);
    }
}
