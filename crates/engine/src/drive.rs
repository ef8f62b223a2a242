//! Carries one step to its end: observe, put on record that it begins, make it, observe until it holds.
//!
//! A doubtful answer is never taken for success or failure: the world is observed again after a grace, because
//! one reading soon after a write proves nothing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, LocalBoxFuture, Shared, select};

use cutover_core::journal::{Event, Fact, StepStatus};
use cutover_core::plan::{Action, Decide, Step};
use cutover_core::time::{human, later};

use crate::act::{Manner, Scene, Seen, act, interval, manner, observe};
use crate::failure::{Failure, FailureClass};
use crate::journal::{Journal, JournalError};
use crate::ports::{Clock, Operator, World};
use crate::readings::Readings;

/// How long a write may take until reads show it.
const GRACE: Duration = Duration::from_secs(10);
/// The first wait before a refused call is made again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a call that is known not to have been applied is made in one run.
const ATTEMPTS: u32 = 5;

/// Resolves when something is to end that waits for people or the calendar.
pub type Stop = Shared<LocalBoxFuture<'static, ()>>;

/// Everything that carrying out steps needs.
pub struct Crew {
    /// The ports.
    pub world: World,
    /// The clock.
    pub clock: Rc<dyn Clock>,
    /// Who decides at gates.
    pub operator: Rc<dyn Operator>,
    /// The journal.
    pub journal: Journal,
    /// What was read of the world a moment ago.
    readings: Readings,
    /// Resolves when the operator asks the conductor to stop.
    pub stop: Stop,
}

/// How a step's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepEnd {
    /// It holds.
    Done,
    /// It has failed; why is on record.
    Failed,
    /// The operator stopped the conductor while it waited.
    Stopped,
}

impl Crew {
    /// A crew that has read nothing of the world yet.
    #[must_use]
    pub fn new(world: World, clock: Rc<dyn Clock>, operator: Rc<dyn Operator>, journal: Journal, stop: Stop) -> Self {
        let readings = Readings::new(world.clone(), Rc::clone(&clock));
        Self { world, clock, operator, journal, readings, stop }
    }

    /// The same crew in another world, of which it has read nothing yet.
    #[must_use]
    pub fn in_world(self, world: World) -> Self {
        Self::new(world, self.clock, self.operator, self.journal, self.stop)
    }

    /// Carries `step` out, from wherever the journal says it is. Waits for people and the calendar end with `halt`.
    pub(crate) async fn drive(&self, step: &Step, halt: &Stop) -> Result<StepEnd, JournalError> {
        match manner(&step.action) {
            Manner::Ensure => self.ensure(step).await,
            Manner::Perform => self.perform(step).await,
            Manner::Wait => self.wait(step, halt).await,
        }
    }

    async fn ensure(&self, step: &Step) -> Result<StepEnd, JournalError> {
        let scene = self.scene(step);
        let begun_before = self.attempts(step) > 0;
        let mut seen = self.look(&scene).await;
        if matches!(seen, Ok(Seen::NotYet)) && self.run_of(step, |run| run.status.is_open()) {
            // The call may have been made a moment before a crash, and not show yet.
            self.clock.sleep(GRACE).await;
            seen = self.look(&scene).await;
        }
        match seen {
            Ok(Seen::Holds(facts)) => return self.done(&scene, !begun_before, facts).await,
            // After a failure that somebody has seen, it is made again: what has failed may have been mended.
            Ok(Seen::Never(why)) if self.run_of(step, |run| run.status.is_open()) => {
                return self.failed(step, &why).await;
            }
            // What is under way already, whoever asked for it, is waited for and not asked for again.
            Ok(Seen::UnderWay(_)) => {
                if !begun_before {
                    self.started(step).await?;
                }
            }
            Ok(_) => {
                if let Some(end) = self.make(&scene, begun_before).await? {
                    return Ok(end);
                }
            }
            Err(failure) => return self.failed(step, &failure.message).await,
        }
        self.until_it_holds(&scene).await
    }

    /// Puts the attempt on record and makes it, again where it is known not to have been applied. `made_before` says that
    /// it may have been made already, and not show yet.
    async fn make(&self, scene: &Scene<'_>, made_before: bool) -> Result<Option<StepEnd>, JournalError> {
        let step = scene.step;
        let mut pause = FIRST_WAIT;
        let mut doubted = made_before;
        for tries in 1.. {
            self.started(step).await?;
            scene.begun.set(true);
            let Err(failure) = act(scene).await else { return Ok(None) };
            let error = failure.message.clone();
            match failure.class {
                // What is refused after a doubt may be refused because the doubtful call has worked after all.
                FailureClass::Permanent if doubted && self.shows_after_all(scene).await => return Ok(None),
                FailureClass::Permanent => return self.failed(step, &error).await.map(Some),
                FailureClass::InDoubt => {
                    doubted = true;
                    self.journal.append(Event::StepInDoubt { step: step.id.clone(), error }).await?;
                    self.journal.mention(&step.id, "not known whether the call worked; looking again");
                    self.clock.sleep(GRACE).await;
                    match self.look(scene).await {
                        Ok(Seen::NotYet) if tries < ATTEMPTS => {}
                        Ok(Seen::NotYet) => return self.failed(step, &failure.message).await.map(Some),
                        _ => return Ok(None),
                    }
                }
                FailureClass::Throttled | FailureClass::NotApplied if tries < ATTEMPTS => {
                    self.journal.append(Event::StepRetried { step: step.id.clone(), error }).await?;
                    self.clock.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_WAIT);
                }
                FailureClass::Throttled | FailureClass::NotApplied => {
                    return self.failed(step, &format!("{error} ({tries} attempts)")).await.map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Whether what was made before shows now, or after a grace.
    async fn shows_after_all(&self, scene: &Scene<'_>) -> bool {
        let shows = |seen: Result<Seen, Failure>| matches!(seen, Ok(Seen::Holds(_) | Seen::UnderWay(_)));
        if shows(self.look(scene).await) {
            return true;
        }
        self.clock.sleep(GRACE).await;
        shows(self.look(scene).await)
    }

    /// Observes until the step holds, its limit has passed, or it can never hold. What is still not there after a
    /// grace is made again: something has undone it, or the making was lost.
    async fn until_it_holds(&self, scene: &Scene<'_>) -> Result<StepEnd, JournalError> {
        let step = scene.step;
        let deadline = later(self.clock.now(), step.limit);
        let mut made_at = self.clock.now();
        let mut told = String::new();
        loop {
            match self.look(scene).await {
                Ok(Seen::Holds(facts)) => return self.done(scene, false, facts).await,
                Ok(Seen::Never(why)) => return self.failed(step, &why).await,
                Ok(Seen::UnderWay(detail)) => {
                    if detail != told {
                        self.journal.mention(&step.id, &detail);
                        told = detail;
                    }
                }
                Ok(Seen::NotYet) if self.clock.now() >= later(made_at, GRACE) => {
                    if let Some(end) = self.make(scene, true).await? {
                        return Ok(end);
                    }
                    made_at = self.clock.now();
                }
                Ok(Seen::NotYet) => {}
                Err(failure) => return self.failed(step, &failure.message).await,
            }
            if self.clock.now() >= deadline {
                return self.failed(step, &past_limit(step, &told)).await;
            }
            self.clock.sleep(interval(&step.action)).await;
        }
    }

    /// Observes; a refused or lost reading is no news, and is made again within the grace of a few attempts.
    async fn look(&self, scene: &Scene<'_>) -> Result<Seen, Failure> {
        let mut pause = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            match observe(scene).await {
                Err(failure) if failure.class != FailureClass::Permanent => {
                    self.journal.mention(&scene.step.id, &format!("cannot be observed now: {failure}"));
                    self.clock.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_WAIT);
                }
                seen => return seen,
            }
        }
        observe(scene).await
    }

    /// Actions whose making is their proof. After a crash they are made again.
    async fn perform(&self, step: &Step) -> Result<StepEnd, JournalError> {
        let scene = self.scene(step);
        match self.make(&scene, false).await? {
            Some(end) => Ok(end),
            None => self.done(&scene, false, Vec::new()).await,
        }
    }

    async fn wait(&self, step: &Step, halt: &Stop) -> Result<StepEnd, JournalError> {
        let scene = self.scene(step);
        match &step.action {
            Action::Decide(question) => self.decide(&scene, question, halt).await,
            Action::WaitUntil { moment, no_later_than } => {
                if let Some(late) = no_later_than.filter(|latest| self.clock.now() > *latest) {
                    let why = format!("it would not end in time: the latest safe start was {late}");
                    return self.failed(step, &format!("{why}; to begin all the same: --late")).await;
                }
                let held = self.clock.now() >= *moment;
                if !held {
                    self.started(step).await?;
                    let date = self.clock.wait_for_date(*moment);
                    if let Either::Left(_) = select(halt.clone(), date).await {
                        return Ok(StepEnd::Stopped);
                    }
                }
                self.done(&scene, held, Vec::new()).await
            }
            _ => self.done(&scene, true, Vec::new()).await,
        }
    }

    async fn decide(&self, scene: &Scene<'_>, question: &Decide, halt: &Stop) -> Result<StepEnd, JournalError> {
        if self.is_approved(question) {
            return self.done(scene, true, Vec::new()).await;
        }
        self.started(scene.step).await?;
        self.journal.append(Event::GateOpened { gate: question.gate.clone() }).await?;
        let patience = self.clock.sleep(scene.step.limit);
        let answer = select(self.operator.decide(question), patience);
        let decision = match select(halt.clone(), answer).await {
            Either::Left(_) => return Ok(StepEnd::Stopped),
            Either::Right((Either::Left((decision, _)), _)) => decision,
            Either::Right((Either::Right(_), _)) => {
                let why = format!("nobody decided within {}", human(scene.step.limit));
                return self.failed(scene.step, &why).await;
            }
        };
        let (approved, by, note) = (decision.approved, decision.by.clone(), decision.note.clone());
        self.journal.append(Event::GateDecided(decision)).await?;
        if approved {
            return self.done(scene, false, Vec::new()).await;
        }
        let words = note.map_or_else(String::new, |note| format!(": {note}"));
        self.failed(scene.step, &format!("{by} refused at gate {}{words}", question.gate)).await
    }

    /// Whether the gate was approved for the plan that is followed: a decision on another plan is void.
    fn is_approved(&self, question: &Decide) -> bool {
        let upgrade = self.journal.upgrade();
        let plan = upgrade.current_phase().map(|run| run.plan.hash());
        let decision = upgrade.decisions.get(&question.gate);
        decision.is_some_and(|decision| decision.approved && (decision.plan.is_none() || decision.plan == plan))
    }

    pub(crate) fn scene<'a>(&'a self, step: &'a Step) -> Scene<'a> {
        let run = self.run_of(step, Clone::clone);
        let failed = matches!(run.status, StepStatus::Failed { .. });
        let now = self.clock.now();
        Scene {
            world: &self.world,
            clock: &*self.clock,
            step,
            journal: &self.journal,
            readings: &self.readings,
            // Through crashes, but anew after a failure that somebody has seen.
            since: run.started_at.filter(|_| !failed).unwrap_or(now),
            taken_up: now,
            failures: run.failures,
            retries: run.retries,
            begun: Cell::new(run.status.is_open()),
            seen_since: Cell::new(None),
            change: RefCell::default(),
            invalidation: RefCell::default(),
            output: RefCell::default(),
            learned: RefCell::default(),
        }
    }

    fn run_of<T>(&self, step: &Step, read: impl Fn(&cutover_core::journal::StepRun) -> T) -> T {
        let upgrade = self.journal.upgrade();
        let waiting = cutover_core::journal::StepRun::default();
        let run = upgrade.phases.values().rev().find_map(|phase| phase.steps.get(&step.id));
        read(run.unwrap_or(&waiting))
    }

    fn attempts(&self, step: &Step) -> u32 {
        self.run_of(step, |run| run.status.attempts())
    }

    async fn started(&self, step: &Step) -> Result<(), JournalError> {
        let attempt = self.attempts(step) + 1;
        self.journal.append(Event::StepStarted { step: step.id.clone(), attempt }).await
    }

    async fn done(&self, scene: &Scene<'_>, held: bool, facts: Vec<Fact>) -> Result<StepEnd, JournalError> {
        let facts = [scene.learned.take(), facts].concat();
        self.journal.append(Event::StepDone { step: scene.step.id.clone(), held, facts }).await?;
        Ok(StepEnd::Done)
    }

    async fn failed(&self, step: &Step, error: &str) -> Result<StepEnd, JournalError> {
        self.journal.append(Event::StepFailed { step: step.id.clone(), error: error.to_owned() }).await?;
        Ok(StepEnd::Failed)
    }
}

fn past_limit(step: &Step, told: &str) -> String {
    let waited = format!("not there after {}", human(step.limit));
    match (&step.action, told) {
        (Action::Migrate(migrate), _) => format!(
            "{waited}; job {} goes on by itself on {}: run the phase again to go on waiting for it",
            migrate.job, migrate.host.name
        ),
        (_, "") => waited,
        (_, told) => format!("{waited}: {told}"),
    }
}
