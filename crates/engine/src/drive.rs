//! Carries one step to its end: observe, record that it starts, make its call, and observe until its effect is visible.
//!
//! An unclear answer never counts as success or failure: the world is observed until the effect of the call is visible,
//! or a grace period has passed. That nothing is visible shortly after a write proves nothing.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, LocalBoxFuture, Shared, select};
use jiff::Timestamp;

use cutover_core::journal::{Event, Fact, StepRun, StepStatus, opens_by};
use cutover_core::plan::{Action, Decide, Line, Step};
use cutover_core::time::{between, human, later};

use crate::act::{Manner, Scene, Seen, act, grace, interval, manner, observe, shortest_interval, too_late};
use crate::failure::{Failure, FailureClass};
use crate::gate::Gate;
use crate::halt::{Halt, Hitch};
use crate::journal::{Journal, JournalError};
use crate::ports::{Answer, Clock, Decided, Operator, World};
use crate::readings::Readings;
use crate::retry;
use crate::slots::{Slot, Slots};

/// Resolves when waits for people or for a date must end.
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
    pub journal: Rc<Journal>,
    /// The one way to change the world.
    pub gate: Gate,
    /// Recent readings of the world, which the steps share.
    readings: Readings,
    /// The slots for calls and connections.
    slots: Slots,
    /// Resolves when the operator asks the conductor to stop.
    pub stop: Stop,
}

/// How a step's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepEnd {
    /// The step's effect is there.
    Done,
    /// It has failed, and the reason is on record.
    Failed,
    /// The operator stopped the conductor while the step waited.
    Stopped,
}

impl Crew {
    /// A crew that has read nothing of the world yet.
    #[must_use]
    pub fn new(
        world: World,
        clock: Rc<dyn Clock>,
        operator: Rc<dyn Operator>,
        journal: Rc<Journal>,
        gate: Gate,
        stop: Stop,
    ) -> Self {
        let readings = Readings::new(world.clone(), Rc::clone(&clock));
        Self { world, clock, operator, journal, gate, readings, slots: Slots::new(), stop }
    }

    /// The same crew in another world, without any readings.
    #[must_use]
    pub fn in_world(self, world: World) -> Self {
        Self::new(world, self.clock, self.operator, self.journal, self.gate, self.stop)
    }

    /// Carries out `step`, from the point that the journal shows. When `end_waits` resolves, waits for people and dates
    /// end.
    pub(crate) async fn drive(&self, step: &Step, end_waits: &Stop) -> Result<StepEnd, Halt> {
        if manner(&step.action) == Manner::Wait {
            return self.wait(step, end_waits).await;
        }
        // A step that waits for a slot has not started, so stopping the conductor may end it here.
        let slot = match select(pin!(self.slots.take(step.action.work())), end_waits.clone()).await {
            Either::Left((slot, _)) => slot,
            Either::Right(_) => return Ok(StepEnd::Stopped),
        };
        let scene = self.scene(step);
        scene.slot.replace(slot);
        match manner(&step.action) {
            Manner::Perform => self.perform(&scene).await,
            _ => self.ensure(scene).await,
        }
    }

    async fn ensure(&self, scene: Scene<'_>) -> Result<StepEnd, Halt> {
        let step = scene.step;
        let run = self.journal.step_run(&step.id).clone();
        let is_open = run.status.is_open();
        let mut seen = self.look(&scene).await?;
        // The call may have been made just before a crash, and its effect may not be visible yet.
        let may_show_yet = match seen {
            Ok(Seen::NotYet) => is_open,
            Ok(Seen::Never(_)) => is_open && run.in_doubt,
            _ => false,
        };
        if may_show_yet {
            seen = self.look_for_a_grace(&scene).await?;
        }
        match seen {
            Ok(Seen::Holds(facts)) => return self.ended_well(&scene, facts).await,
            Ok(Seen::CannotTell) => return self.once(&scene, &run).await,
            // What is already under way is waited for and not requested again, whichever process requested it.
            Ok(Seen::UnderWay(_)) => {
                if !is_open {
                    self.started(&scene).await?;
                }
            }
            Ok(Seen::Never(why)) if is_open || manner(&step.action) == Manner::ByConsent && !run.retry_approved => {
                return self.failed(&scene, &why).await;
            }
            Ok(Seen::NotYet) if lacks_consent(step, &run) => {
                return self.failed(&scene, &needs_approval(step)).await;
            }
            // After a failure that the operator has seen, the call is made again: the cause may have been repaired.
            Ok(Seen::NotYet | Seen::Never(_)) => {
                if let Some(end) = self.make(&scene, run.status.attempts() > 0).await? {
                    return Ok(end);
                }
            }
            Err(failure) => return self.failed(&scene, &failure.to_string()).await,
        }
        self.until_it_holds(&scene).await
    }

    /// Carries out a step whose effect cannot be observed, at most once. If it may already have been done, a person has
    /// to decide.
    async fn once(&self, scene: &Scene<'_>, run: &StepRun) -> Result<StepEnd, Halt> {
        if let StepStatus::Running { .. } = run.status {
            let error = "its conductor ended before the answer came".to_owned();
            self.journal.append(Event::StepInDoubt { step: scene.step.id.clone(), error }).await?;
        }
        if self.journal.step_run(&scene.step.id).in_doubt {
            return self.failed_in_doubt(scene, None).await;
        }
        if let Some(end) = self.make(scene, false).await? {
            return Ok(end);
        }
        if !self.journal.step_run(&scene.step.id).in_doubt {
            return self.ended_well(scene, Vec::new()).await;
        }
        // Only a visible effect settles the doubt; a failed observation does not.
        match self.look(scene).await? {
            Ok(Seen::Holds(facts)) => self.ended_well(scene, facts).await,
            _ => self.failed_in_doubt(scene, None).await,
        }
    }

    /// Records the attempt and makes the call. The call is repeated if it is known not to have been applied.
    /// `made_before` says that it may have been made earlier, without a visible effect so far.
    async fn make(&self, scene: &Scene<'_>, made_before: bool) -> Result<Option<StepEnd>, Halt> {
        let step = scene.step;
        let deadline = later(self.clock.now(), step.limit);
        // What an attempt before may have done is looked for, too, before it is said that nothing was changed.
        let mut doubted = made_before || self.journal.step_run(&step.id).may_have_acted;
        for made in 1.. {
            self.started(scene).await?;
            if let Some(latest) = self.too_late_for(step) {
                return self.not_made(scene, too_late(latest), doubted, Known::ChangedNothing).await;
            }
            scene.was_started.set(true);
            let slot = self.take_slot(scene).await;
            // Boxed for the same reason as in `observe`.
            let answer = Box::pin(act(scene)).await;
            drop(slot);
            let failure = match answer {
                Ok(()) => return Ok(None),
                Err(Hitch::Failed(failure)) => failure,
                Err(Hitch::Halt(halt)) => return Err(halt),
            };
            match failure.class {
                FailureClass::Superseded => return Err(Halt::Superseded(failure)),
                // After a call with an unknown outcome, a refusal may mean that this earlier call has worked after all.
                FailureClass::Permanent => {
                    return self.not_made(scene, failure.to_string(), doubted, unchanged_by_refusal(step)).await;
                }
                FailureClass::InDoubt => {
                    doubted = true;
                    if let Some(end) = self.settle(scene, &failure, made).await? {
                        return Ok(end.into());
                    }
                }
                FailureClass::Throttled | FailureClass::NotApplied | FailureClass::Busy => {
                    let wait = retry::refused(&failure, made, step.id.as_str());
                    let Some(wait) = wait.filter(|wait| later(self.clock.now(), *wait) < deadline) else {
                        let why = format!("{failure} ({made} attempts)");
                        return self.not_made(scene, why, doubted, unchanged_by_refusal(step)).await;
                    };
                    let error = failure.to_string();
                    self.journal.append(Event::StepRetried { step: step.id.clone(), error }).await?;
                    self.clock.sleep(wait).await;
                }
            }
        }
        Ok(None)
    }

    /// Observes for a grace period whether a call without a clear answer has worked. `None` if the call must be
    /// repeated.
    async fn settle(&self, scene: &Scene<'_>, failure: &Failure, made: u32) -> Result<Option<Settled>, Halt> {
        let (step, error) = (scene.step, failure.to_string());
        self.journal.append(Event::StepInDoubt { step: step.id.clone(), error }).await?;
        self.journal.mention(&step.id, "not known whether the call worked; looking again");
        let why = match self.look_for_a_grace(scene).await? {
            Ok(Seen::NotYet) if retry::may_repeat_in_doubt(made) => return Ok(None),
            Ok(Seen::NotYet) => failure.to_string(),
            Ok(Seen::CannotTell) => {
                let end = self.failed_in_doubt(scene, Some(failure)).await?;
                return Ok(Some(Settled::Ended(end)));
            }
            _ => return Ok(Some(Settled::Shows)),
        };
        self.failed(scene, &why).await.map(|end| Some(Settled::Ended(end)))
    }

    /// The end of a step whose last attempt was refused, or was not made: it has failed for the reason `why`. If an earlier
    /// attempt may have worked, its effect is looked for during a grace period, and the step goes on if it shows. Without
    /// such an attempt, `undoubted` is what is known of the world.
    async fn not_made(
        &self,
        scene: &Scene<'_>,
        why: String,
        doubted: bool,
        undoubted: Known,
    ) -> Result<Option<StepEnd>, Halt> {
        let known = match doubted {
            false => undoubted,
            true => match self.look_for_a_grace(scene).await? {
                Ok(Seen::Holds(_) | Seen::UnderWay(_)) => return Ok(None),
                Ok(Seen::NotYet) => unchanged_by_refusal(scene.step),
                Ok(Seen::Never(_) | Seen::CannotTell) | Err(_) => Known::Observed,
            },
        };
        self.ended_badly(scene, why, known).await.map(Some)
    }

    /// The latest safe start, where it has passed and the step is one of those that follow on the opening of the window. Once
    /// the maintenance page may be up, everything goes on.
    fn too_late_for(&self, step: &Step) -> Option<Timestamp> {
        if step.line == Line::Open {
            return None;
        }
        let upgrade = self.journal.upgrade();
        upgrade.current_run().and_then(opens_by).filter(|latest| self.clock.now() > *latest)
    }

    /// Observes until the effect of an earlier call is visible, for a grace period at most: the call may still be in
    /// transit, and readings may be older than its effect.
    async fn look_for_a_grace(&self, scene: &Scene<'_>) -> Result<Answer<Seen>, Halt> {
        let until = later(self.clock.now(), grace(&scene.step.action));
        loop {
            let seen = self.look(scene).await?;
            let shows = matches!(seen, Ok(Seen::Holds(_) | Seen::UnderWay(_) | Seen::CannotTell));
            let now = self.clock.now();
            if shows || now >= until {
                return Ok(seen);
            }
            self.clock.sleep_until(until.min(later(now, shortest_interval(&scene.step.action)))).await;
        }
    }

    /// Observes until the step's effect is there, its time limit has passed, or the effect can never come. If there is
    /// still nothing after a grace period, the call is repeated: it was lost, or something has reversed its effect.
    async fn until_it_holds(&self, scene: &Scene<'_>) -> Result<StepEnd, Halt> {
        let step = scene.step;
        // From here on the step waits, and takes a slot only for each observation or further attempt.
        scene.slot.take();
        let deadline = later(self.clock.now(), step.limit);
        let mut made_at = self.clock.now();
        let mut told = String::new();
        loop {
            match self.look(scene).await? {
                Ok(Seen::Holds(facts)) => return self.ended_well(scene, facts).await,
                Ok(Seen::Never(why)) => return self.failed(scene, &why).await,
                Ok(Seen::CannotTell) => return self.failed_in_doubt(scene, None).await,
                Ok(Seen::UnderWay(detail)) => {
                    if detail != told {
                        self.journal.mention(&step.id, &detail);
                        told = detail;
                    }
                }
                Ok(Seen::NotYet) if lacks_consent(step, &self.journal.step_run(&step.id)) => {
                    return self.failed(scene, &needs_approval(step)).await;
                }
                Ok(Seen::NotYet) if self.clock.now() >= later(made_at, grace(&step.action)) => {
                    if let Some(end) = self.make(scene, true).await? {
                        return Ok(end);
                    }
                    made_at = self.clock.now();
                }
                Ok(Seen::NotYet) => {}
                Err(failure) => return self.failed(scene, &failure.to_string()).await,
            }
            if self.clock.now() >= deadline {
                return self.failed(scene, &past_limit(step, &told)).await;
            }
            let wait = interval(step, between(scene.since, self.clock.now()));
            self.clock.sleep_until(deadline.min(later(self.clock.now(), wait))).await;
        }
    }

    /// Takes a slot for the step's work, unless it has one already.
    async fn take_slot(&self, scene: &Scene<'_>) -> Option<Slot> {
        let has_one = scene.slot.borrow().is_some();
        if has_one { None } else { self.slots.take(scene.step.action.work()).await }
    }

    /// Observes, and records what was learned from it.
    async fn look(&self, scene: &Scene<'_>) -> Result<Answer<Seen>, Halt> {
        let slot = self.take_slot(scene).await;
        let seen = observe(scene).await;
        drop(slot);
        scene.put_on_record().await?;
        Ok(seen)
    }

    /// Carries out an action for which a successful call is the result. After a crash the call is made again.
    async fn perform(&self, scene: &Scene<'_>) -> Result<StepEnd, Halt> {
        match self.make(scene, false).await? {
            Some(end) => Ok(end),
            None => self.ended_well(scene, Vec::new()).await,
        }
    }

    async fn wait(&self, step: &Step, end_waits: &Stop) -> Result<StepEnd, Halt> {
        let scene = self.scene(step);
        match &step.action {
            Action::Decide(question) => self.decide(&scene, question, end_waits).await,
            Action::WaitUntil { moment, no_later_than } => {
                if self.clock.now() < *moment {
                    self.started(&scene).await?;
                    let date = self.clock.wait_for_date(*moment);
                    if let Either::Left(_) = select(end_waits.clone(), date).await {
                        return Ok(StepEnd::Stopped);
                    }
                }
                // Checked after the wait: a machine that was suspended during it may wake up hours later.
                if let Some(latest) = no_later_than.filter(|latest| self.clock.now() > *latest) {
                    return self.failed(&scene, &too_late(latest)).await;
                }
                self.ended_well(&scene, Vec::new()).await
            }
            _ => {
                let why = "cutover does not know how to wait for this; please report this as a bug in cutover";
                self.failed(&scene, why).await
            }
        }
    }

    async fn decide(&self, scene: &Scene<'_>, question: &Decide, end_waits: &Stop) -> Result<StepEnd, Halt> {
        if self.is_approved(question) {
            return self.ended_well(scene, Vec::new()).await;
        }
        self.started(scene).await?;
        self.journal.append(Event::GateOpened { gate: question.gate.clone() }).await?;
        let patience = self.clock.sleep(scene.step.limit);
        let answer = select(self.operator.decide(question), patience);
        let Decided { decision, object } = match select(end_waits.clone(), answer).await {
            Either::Left(_) => return Ok(StepEnd::Stopped),
            Either::Right((Either::Left((decided, _)), _)) => decided,
            Either::Right((Either::Right(_), _)) => {
                let why = format!("nobody decided within {}", human(scene.step.limit));
                return self.failed(scene, &why).await;
            }
        };
        let (approved, by, note) = (decision.approved, decision.by.clone(), decision.note.clone());
        self.journal.append(Event::GateDecided { decision, object }).await?;
        if approved {
            return self.ended_well(scene, Vec::new()).await;
        }
        let words = note.map_or_else(String::new, |note| format!(": {note}"));
        self.failed(scene, &format!("{by} refused at gate {}{words}", question.gate)).await
    }

    /// Whether the gate was approved for the current plan: a decision on another plan does not count.
    fn is_approved(&self, question: &Decide) -> bool {
        let upgrade = self.journal.upgrade();
        let plan = || upgrade.current_run().map(|run| run.plan.hash());
        let decision = upgrade.decisions.get(&question.gate);
        decision.is_some_and(|decision| decision.approved && (decision.plan.is_none() || decision.plan == plan()))
    }

    pub(crate) fn scene<'a>(&'a self, step: &'a Step) -> Scene<'a> {
        let run = self.journal.step_run(&step.id).clone();
        let failed = matches!(run.status, StepStatus::Failed { .. });
        let now = self.clock.now();
        Scene {
            world: &self.world,
            gate: &self.gate,
            clock: &*self.clock,
            step,
            journal: &self.journal,
            readings: &self.readings,
            slots: &self.slots,
            slot: RefCell::default(),
            // Kept through crashes, but reset after a failure that the operator has seen.
            since: run.started_at.filter(|_| !failed).unwrap_or(now),
            taken_up: now,
            failures: run.failures,
            retries: run.retries,
            was_started: Cell::new(run.status.is_open()),
            seen_since: Cell::new(None),
            change: RefCell::default(),
            output: RefCell::default(),
            learned: RefCell::default(),
        }
    }

    /// Records that the step has started, and what was learned about it before.
    async fn started(&self, scene: &Scene<'_>) -> Result<(), JournalError> {
        let attempt = self.journal.step_run(&scene.step.id).status.attempts() + 1;
        self.journal.append(Event::StepStarted { step: scene.step.id.clone(), attempt }).await?;
        scene.put_on_record().await
    }

    /// Records that the step was done, or, if it was never started, that there was nothing left to do.
    async fn ended_well(&self, scene: &Scene<'_>, facts: Vec<Fact>) -> Result<StepEnd, Halt> {
        let (step, facts) = (scene.step.id.clone(), scene.news(facts));
        let event = match self.journal.step_run(&scene.step.id).status.is_open() {
            true => Event::StepDone { step, facts },
            false => Event::StepHeld { step, facts },
        };
        self.journal.append(event).await?;
        Ok(StepEnd::Done)
    }

    /// Records that the step has failed, as observed: it is known that its effect is not there.
    async fn failed(&self, scene: &Scene<'_>, error: &str) -> Result<StepEnd, Halt> {
        self.ended_badly(scene, error.to_owned(), Known::Observed).await
    }

    /// Records that the step has failed because it is not known whether it was done.
    async fn failed_in_doubt(&self, scene: &Scene<'_>, failure: Option<&Failure>) -> Result<StepEnd, Halt> {
        self.ended_badly(scene, in_doubt(scene.step, failure), Known::InDoubt).await
    }

    /// Records that the step failed. If it was not started yet, its start is recorded first.
    async fn ended_badly(&self, scene: &Scene<'_>, error: String, known: Known) -> Result<StepEnd, Halt> {
        if !self.journal.step_run(&scene.step.id).status.is_open() {
            self.started(scene).await?;
        }
        let (step, in_doubt) = (scene.step.id.clone(), known == Known::InDoubt);
        let changed_nothing = known == Known::ChangedNothing;
        self.journal.append(Event::StepFailed { step, error, in_doubt, changed_nothing }).await?;
        Ok(StepEnd::Failed)
    }
}

/// What is known about the effect of a failed step on the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It has changed nothing.
    ChangedNothing,
    /// Its effect is not there. The operator has to check what it may have changed on the way.
    Observed,
    /// It may have been done, and this cannot be observed.
    InDoubt,
}

/// What is known after a refused call: only of an action that is a single call that nothing was changed.
const fn unchanged_by_refusal(step: &Step) -> Known {
    match step.action {
        Action::ChangeRecords(_) => Known::ChangedNothing,
        _ => Known::Observed,
    }
}

/// The result of looking again after a call whose outcome was unknown.
enum Settled {
    /// Its effect is visible, or will be.
    Shows,
    /// The step has ended.
    Ended(StepEnd),
}

impl From<Settled> for Option<StepEnd> {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Shows => None,
            Settled::Ended(end) => Some(end),
        }
    }
}

/// Whether the step may have been started before, needs the operator's approval to be repeated, and does not have it.
fn lacks_consent(step: &Step, run: &StepRun) -> bool {
    let may_have_begun = run.in_doubt || run.facts.iter().any(|fact| matches!(fact, Fact::Job { .. }));
    manner(&step.action) == Manner::ByConsent && may_have_begun && !run.retry_approved
}

fn needs_approval(step: &Step) -> String {
    let host = match &step.action {
        Action::Migrate(migrate) => format!(" on {}, which has no record of its job now", migrate.host.name),
        _ => String::new(),
    };
    format!(
        "this migration may have been started before{host}, and may be half done, so it is not started again \
         automatically. Check how far it came; then run the phase again with --retry {}",
        step.id
    )
}

fn in_doubt(step: &Step, failure: Option<&Failure>) -> String {
    let answer = failure.map_or_else(String::new, |failure| format!(" ({failure})"));
    format!(
        "in doubt: it is not known whether this was done{answer}, and there is no way to check it automatically. \
         Find out. If it was not done, run the phase again with --retry {id}; if it was, with --accept {id}",
        id = step.id
    )
}

fn past_limit(step: &Step, told: &str) -> String {
    let waited = format!("not there after {}", human(step.limit));
    match (&step.action, told) {
        (Action::Migrate(migrate), _) => format!(
            "{waited}; job {} is still running on {}: run the phase again to wait for it further",
            migrate.job, migrate.host.name
        ),
        (_, "") => waited,
        (_, told) => format!("{waited}: {told}"),
    }
}
