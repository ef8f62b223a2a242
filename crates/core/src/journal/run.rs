//! Runs: one for each time that a plan was started, in the order in which they started.
//!
//! A phase that is planned again, or run a second time, is another run. Steps of the run before that are still done are
//! carried over, so that nothing is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::step::WAITING;
use super::{Acted, Fact, RunKind, RunNumber, StepRun, StepStatus};
use crate::deployment::Deployment;
use crate::digest::Digest;
use crate::names::{SnapshotId, StepId};
use crate::plan::{Action, Edge, HostPrograms, Lane, Line, Migrate, Plan, Rule, Step};

/// What the last look before the migrations of a fleet confirms.
#[derive(Clone, Copy, Debug)]
pub struct LastLook<'a> {
    /// The lane of the fleet.
    pub lane: &'a Lane,
    /// The programs that must not run, by host.
    pub hosts: &'a [HostPrograms],
    /// The snapshots that must hold everything that they have written.
    pub snapshots: &'a [SnapshotId],
}

/// A plan as it was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Which run of the upgrade it is.
    pub number: RunNumber,
    /// What it is for.
    pub kind: RunKind,
    /// The plan that is followed.
    pub plan: Arc<Plan>,
    /// The digest of the deployment file that it was made from.
    pub deployment: Digest,
    /// When it was started. For a run that continues another, when that one was started.
    pub started_at: Timestamp,
    /// When all its steps had succeeded.
    pub finished_at: Option<Timestamp>,
    /// The status of each step. A step without an entry is waiting.
    pub steps: BTreeMap<StepId, StepRun>,
}

impl Run {
    /// Starts a run of `plan` that continues the run `before`: steps of that run that still count are done already.
    pub(super) fn begin(
        number: RunNumber,
        kind: RunKind,
        at: Timestamp,
        plan: &Arc<Plan>,
        deployment: &Digest,
        before: Option<&Self>,
    ) -> Self {
        Self {
            number,
            kind,
            plan: Arc::clone(plan),
            deployment: deployment.clone(),
            started_at: before.map_or(at, |run| run.started_at),
            finished_at: None,
            steps: before.map(|before| carried_over(before, plan)).unwrap_or_default(),
        }
    }

    /// Whether its plan was made from this deployment file; otherwise the file was edited since.
    #[must_use]
    pub fn was_planned_from(&self, deployment: &Deployment) -> bool {
        self.deployment == Digest::of_json(deployment)
    }

    /// The status of a step, with its times and what it has learned.
    #[must_use]
    pub fn run(&self, step: &StepId) -> &StepRun {
        self.steps.get(step).unwrap_or(&WAITING)
    }

    /// The status of a step.
    #[must_use]
    pub fn status(&self, step: &StepId) -> &StepStatus {
        &self.run(step).status
    }

    /// The steps with their statuses, in the plan's order.
    pub fn runs(&self) -> impl Iterator<Item = (&Step, &StepRun)> {
        self.plan.steps.iter().map(|step| (step, self.run(&step.id)))
    }

    /// The snapshots that have to hold everything that was written before this step of a window: it confirms that nothing
    /// runs, or it migrates. None for other steps.
    #[must_use]
    pub fn snapshots_behind<'a>(&'a self, step: &'a Step) -> &'a [SnapshotId] {
        match &step.action {
            Action::ConfirmStopped { snapshots, .. } => snapshots,
            Action::Migrate(_) => self.last_look(&step.lane).map_or(&[], |look| look.snapshots),
            _ => &[],
        }
    }

    /// The last look before the migrations of a lane; nothing for a lane without one.
    #[must_use]
    pub fn last_look(&self, lane: &Lane) -> Option<LastLook<'_>> {
        let last = self.plan.steps.iter().filter(|step| step.line == Line::Migrate && step.lane == *lane);
        last.into_iter().find_map(|step| match &step.action {
            Action::ConfirmStopped { hosts, snapshots } => Some(LastLook { lane: &step.lane, hosts, snapshots }),
            _ => None,
        })
    }

    /// The last looks at all fleets that write to the database instance that is migrated: each of them migrates its own
    /// schemas on it.
    pub fn last_looks_before(&self, migrate: &Migrate) -> impl Iterator<Item = LastLook<'_>> {
        let beside = self.plan.steps.iter().filter(|step| match &step.action {
            Action::Migrate(other) => other.instance == migrate.instance,
            _ => false,
        });
        let lanes: BTreeSet<&Lane> = beside.map(|step| &step.lane).collect();
        lanes.into_iter().filter_map(|lane| self.last_look(lane))
    }

    /// The lanes whose visitors a run of the window sends back to the sites, or may have. A lift that was refused has sent nobody.
    pub fn lifted(&self) -> BTreeSet<&Lane> {
        let begun = |run: &StepRun| run.status.is_done() || run.may_stand();
        self.runs().filter(|(step, run)| step.lifts_page() && begun(run)).map(|(step, _)| &step.lane).collect()
    }

    /// What was looked at before visitors come back, and who are not back: since then something may have started old code, or
    /// stopped the new one.
    pub fn outdated_checks(&self) -> impl Iterator<Item = &StepId> {
        let waits = |lane: &Lane| {
            self.runs().any(|(step, run)| step.lifts_page() && step.lane == *lane && !run.status.is_done())
        };
        // Once visitors of another lane are back, their steps must not wait for verifications of this one again.
        let is_first = self.lifted().is_empty();
        let counts = move |step: &Step| step.looks_before_lift() || is_first && step.checks_before_lift();
        let looks = self.runs().filter(move |(step, run)| counts(step) && run.status.is_done());
        looks.filter(move |(step, _)| waits(&step.lane)).map(|(step, _)| &step.id)
    }

    /// The lanes whose visitors are being sent back to the sites, and whom `plan`, which continues this run, would send to the
    /// maintenance page again, or would wait for them to get there: what it does until then is not the same.
    #[must_use]
    pub fn posted_again<'a>(&self, plan: &'a Plan) -> BTreeSet<&'a Lane> {
        let lifted = self.lifted();
        if lifted.is_empty() {
            return BTreeSet::new();
        }
        let kept = carried_over(self, plan);
        let is_done = |step: &Step| kept.get(&step.id).is_some_and(|run| run.status.is_done());
        let posts = plan.steps.iter().filter(|step| step.line == Line::PostPage && lifted.contains(&step.lane));
        posts.filter(|step| !is_done(step)).map(|step| &step.lane).collect()
    }

    /// The steps that have failed.
    pub fn failed(&self) -> impl Iterator<Item = (&Step, &str)> {
        self.runs().filter_map(|(step, run)| match &run.status {
            StepStatus::Failed { error, .. } => Some((step, error.as_str())),
            _ => None,
        })
    }

    /// Whether some of its steps are still to be done.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.finished_at.is_none()
    }

    /// Whether every step has succeeded.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.runs().all(|(_, step)| step.status.is_done())
    }
}

/// The step of an earlier run that did the same work. A migration is identified by what it migrates, because the id of
/// its step also depends on its position in the file.
fn twin<'a>(before: &'a Run, step: &'a Step) -> &'a StepId {
    let Action::Migrate(migrate) = &step.action else { return &step.id };
    let is_twin = |old: &&Step| matches!(&old.action, Action::Migrate(old) if old.is_of_the_same(migrate));
    before.plan.steps.iter().find(is_twin).map_or(&step.id, |old| &old.id)
}

/// Whether a fact is kept although its step is observed again: jobs that were started, what they have applied, how they ended,
/// and disks that images leave. Orders are kept if they run commands of the file: those of an earlier plan may still run.
const fn is_of_use_later(step: &Step, fact: &Fact) -> bool {
    let runs_commands = matches!(step.action, Action::RunCommands(_) | Action::WriteCheck(_));
    if matches!(fact, Fact::Order { .. }) {
        return runs_commands;
    }
    matches!(
        fact,
        Fact::Job { .. }
            | Fact::Pending { .. }
            | Fact::Statements { .. }
            | Fact::Applied { .. }
            | Fact::Slow { .. }
            | Fact::Shown { .. }
            | Fact::PastLimit { .. }
            | Fact::Signalled { .. }
            | Fact::JobFailed { .. }
            | Fact::ImageDisks { .. }
            | Fact::DisksRemoved { .. }
    )
}

/// Whether a step only stands for others that are waited for. Milestones between runbook lines do not count, so that
/// existing journals keep their meaning.
fn joins_others(step: &Step) -> bool {
    let of_the_runbook = |edge: &Edge| edge.rule == Rule::RunbookLine;
    matches!(step.action, Action::Milestone) && !step.waits_for.is_empty() && !step.waits_for.iter().any(of_the_runbook)
}

/// A milestone for which nothing is left to wait is reached, whether the plan before had it or not: plans of the same
/// hosts may be with milestones or without. So is a look for which it is too late.
fn reached(step: &Step, steps: &BTreeMap<StepId, StepRun>) -> StepRun {
    let ended = step.waits_for.iter().filter_map(|edge| steps.get(&edge.step)?.ended_at).max();
    StepRun { status: StepStatus::Held, started_at: ended, ended_at: ended, ..StepRun::default() }
}

/// Whether a step of a plan is the same in the plan `before`. A decision on a window is about its date as well, which its
/// words do not name: who has approved one date has not approved another.
fn is_the_same(step: &Step, plan: &Plan, old: &Step, before: &Plan) -> bool {
    let is_about_another_date =
        matches!(step.action, Action::Decide(_)) && before.window_start() != plan.window_start();
    old.action.does_the_same(&step.action) && !is_about_another_date
}

/// A step stays done if it is still the same and everything that it waits for has stayed done too. Steps that wait for
/// something new are observed again.
fn carried_over(before: &Run, plan: &Plan) -> BTreeMap<StepId, StepRun> {
    let mut steps: BTreeMap<StepId, StepRun> = BTreeMap::new();
    let steps_before: BTreeMap<&StepId, &Step> = before.plan.steps.iter().map(|step| (&step.id, step)).collect();
    for step in &plan.steps {
        let run = before.run(twin(before, step));
        let same = steps_before.get(&step.id).is_some_and(|old| is_the_same(step, plan, old, &before.plan));
        // Recording the current hosts only comes first in order: next hosts do not depend on which hosts were recorded.
        let stands = |edge: &Edge| {
            edge.rule == Rule::CaptureFirst || steps.get(&edge.step).is_some_and(|before| before.status.is_done())
        };
        let stands = step.waits_for.iter().all(stands);
        let kept = if stands && joins_others(step) || is_overtaken(before, step) {
            reached(step, &steps)
        } else if stands && same {
            run.clone()
        } else {
            // The number of failures still distinguishes its jobs, and a step that was started may have been done.
            StepRun {
                failures: run.failures,
                retries: run.retries,
                retry_approved: run.retry_approved,
                in_doubt: run.in_doubt || matches!(run.status, StepStatus::Running { .. }),
                facts: run.facts.iter().filter(|fact| is_of_use_later(step, fact)).cloned().collect(),
                acted: acted_so_far(run),
                // Since when visitors see the maintenance page does not change with the plan.
                started_at: run.acts_since().filter(|_| step.posts_page()),
                ..StepRun::default()
            }
        };
        if kept != WAITING {
            steps.insert(step.id.clone(), kept);
        }
    }
    steps
}

/// Whether a plan without this look, as older versions made it, has sent the visitors back already before whom it comes.
fn is_overtaken(before: &Run, step: &Step) -> bool {
    let are_back = |(lift, run): (&Step, &StepRun)| lift.lifts_page() && lift.lane == step.lane && run.status.is_done();
    step.looks_before_lift() && before.plan.step(&step.id).is_none() && before.runs().any(are_back)
}

/// What a step may have changed when its plan is replaced, which ends its last attempt.
fn acted_so_far(run: &StepRun) -> Acted {
    let has_changed_records = || run.facts.iter().any(|fact| matches!(fact, Fact::RecordsChanged { .. }));
    match run.acted {
        Acted::No if run.status.is_open() && has_changed_records() => Acted::Perhaps,
        Acted::No if run.status.is_open() => Acted::OnlyStarted,
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Announce, Decide, Phase};
    use crate::testing::{self, step};

    fn message(id: &str, waits_for: &[&str]) -> Step {
        let action = Announce { announcement: id.into(), to: "all".to_owned(), text: id.to_owned() };
        step(id, Action::Announce(action), waits_for)
    }

    fn plan(steps: Vec<Step>) -> Plan {
        testing::plan(Phase::Announce, steps)
    }

    /// Where the steps of a new plan are after `done` were done of the one before.
    fn carried(before: Vec<Step>, done: &[&str], anew: Vec<Step>) -> Vec<(String, bool)> {
        let (number, kind, digest) = (RunNumber(1), RunKind::Announce, Digest::of(b""));
        let mut run = Run::begin(number, kind, Timestamp::UNIX_EPOCH, &Arc::new(plan(before)), &digest, None);
        for id in done.iter().filter(|id| run.plan.step(&StepId::from(**id)).is_some()) {
            let ended_at = Some(Timestamp::UNIX_EPOCH);
            run.steps.insert((*id).into(), StepRun { status: StepStatus::Done, ended_at, ..StepRun::default() });
        }
        let anew = Run::begin(RunNumber(2), kind, Timestamp::UNIX_EPOCH, &Arc::new(plan(anew)), &digest, Some(&run));
        anew.runs().map(|(step, run)| (step.id.to_string(), run.status.is_done())).collect()
    }

    fn direct() -> Vec<Step> {
        vec![message("a", &[]), message("b", &[]), message("last", &["a", "b"])]
    }

    fn joined() -> Vec<Step> {
        vec![
            message("a", &[]),
            message("b", &[]),
            step("both", Action::Milestone, &["a", "b"]),
            message("last", &["both"]),
        ]
    }

    #[test]
    fn what_is_done_stays_done_when_a_new_plan_has_a_milestone_that_the_old_one_had_not_and_the_other_way_round() {
        for (before, anew) in [(direct(), joined()), (joined(), direct()), (joined(), joined())] {
            let all = carried(before, &["a", "b", "both", "last"], anew);
            assert!(all.iter().all(|(_, done)| *done), "{all:?}");
        }
    }

    #[test]
    fn what_follows_on_something_new_behind_a_milestone_is_looked_at_anew() {
        let mut wider = joined();
        wider.insert(0, message("c", &[]));
        wider[3].waits_for.push(Edge { step: "c".into(), rule: Rule::Follows });
        let all = carried(joined(), &["a", "b", "both", "last"], wider);
        let done: Vec<&str> = all.iter().filter(|(_, done)| *done).map(|(id, _)| id.as_str()).collect();
        assert_eq!(done, ["a", "b"]);
    }

    #[test]
    fn an_approval_of_one_date_does_not_open_the_window_on_another() {
        let window = |start: i64| {
            let question = Decide { gate: "go".into(), question: "Go?".to_owned(), checklist: Vec::new() };
            let moment = Timestamp::from_second(start).expect("in range");
            let opening = Action::WaitUntil { moment, no_later_than: None };
            vec![step("go", Action::Decide(question), &[]), step("open", opening, &["go"])]
        };
        let is_decided = |anew| carried(window(1), &["go"], anew)[0].1;
        assert!(is_decided(window(1)));
        assert!(!is_decided(window(2)));
    }

    /// Where the only step of a new plan is, which sends another text, after the one before was left as `run`.
    fn looked_at_anew(run: StepRun) -> StepRun {
        let (kind, digest) = (RunKind::Announce, Digest::of(b""));
        let before = plan(vec![message("a", &[])]);
        let mut first = Run::begin(RunNumber(1), kind, Timestamp::UNIX_EPOCH, &Arc::new(before), &digest, None);
        first.steps.insert("a".into(), run);
        let anew = plan(vec![Step { id: "a".into(), ..message("b", &[]) }]);
        Run::begin(RunNumber(2), kind, Timestamp::UNIX_EPOCH, &Arc::new(anew), &digest, Some(&first))
            .run(&"a".into())
            .clone()
    }

    #[test]
    fn a_step_that_is_looked_at_anew_keeps_its_failures_its_consent_its_doubt_and_the_jobs_that_were_begun() {
        let job = Fact::Job { host: "h".into(), job: "j".into(), started: true };
        let note = Fact::Note { text: "n".to_owned() };
        let at = Some(Timestamp::UNIX_EPOCH);
        let before = StepRun {
            status: StepStatus::Failed { attempts: 3, error: "no".to_owned(), in_doubt: true },
            started_at: at,
            ended_at: at,
            failures: 3,
            retries: 2,
            retry_approved: true,
            in_doubt: true,
            facts: vec![job.clone(), note],
            ..StepRun::default()
        };
        let kept = StepRun {
            failures: 3,
            retries: 2,
            retry_approved: true,
            in_doubt: true,
            facts: vec![job],
            ..StepRun::default()
        };
        assert_eq!(looked_at_anew(before), kept);
    }

    #[test]
    fn what_a_step_under_way_has_done_is_in_doubt_for_the_next_plan() {
        let running = StepRun { status: StepStatus::Running { attempt: 1 }, ..StepRun::default() };
        assert!(looked_at_anew(running).in_doubt);
        assert!(!looked_at_anew(StepRun { failures: 1, ..StepRun::default() }).in_doubt);
    }

    #[test]
    fn what_a_step_may_have_done_is_still_known_after_several_new_plans() {
        let at = Some(Timestamp::UNIX_EPOCH);
        let running = StepRun { status: StepStatus::Running { attempt: 1 }, started_at: at, ..StepRun::default() };
        assert_eq!(looked_at_anew(looked_at_anew(running)).acted, Acted::OnlyStarted);
        let done = StepRun { status: StepStatus::Done, acted: Acted::Perhaps, started_at: at, ..StepRun::default() };
        assert_eq!(looked_at_anew(looked_at_anew(done)).acted, Acted::Perhaps);
    }

    #[test]
    fn a_milestone_was_reached_when_the_last_step_that_it_waits_for_ended() {
        let ended = |second| {
            let ended_at = Timestamp::from_second(second).ok();
            StepRun { status: StepStatus::Done, ended_at, ..StepRun::default() }
        };
        let steps = [("a".into(), ended(5)), ("b".into(), ended(7))].into();
        let milestone = reached(&step("both", Action::Milestone, &["a", "b"]), &steps);
        let last = Timestamp::from_second(7).ok();
        assert_eq!((milestone.status, milestone.started_at, milestone.ended_at), (StepStatus::Held, last, last));
    }
}
