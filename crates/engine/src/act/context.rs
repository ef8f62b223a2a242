//! The possible results of observing a step, and what carrying it out needs to know.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, Ref, RefCell};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, StepRun, opens_by};
use cutover_core::names::{ImageId, InstanceId, JobName};
use cutover_core::plan::{Action, Host, ImageRef, InstanceRef, Line, Step};
use cutover_hosts::command::Ask;

use super::found::Found;
use super::late::too_late;
use super::manner::{Manner, manner};
use crate::failure::Failure;
use crate::gate::{Gate, Permit};
use crate::halt::WriteError;
use crate::journal::{Journal, JournalError};
use crate::moment::Moment;
use crate::ports::{Answer, Clock, World};
use crate::readings::{Listing, Readings};
use crate::retry;
use crate::slots::{Slots, StepSlot};
use crate::supervisors::Supervisors;

/// For how long checks before a write are relied on, from their start. Looking at a thousand hosts takes some seconds.
const CHECKED: Duration = Duration::from_secs(15);
/// How long after its limit a step may still ask: as long as one short look takes.
const LAST_LOOK: Duration = Duration::from_secs(5);
/// How often a write is checked again because the check was out of date, before its attempt counts as failed.
const CHECKS: u32 = 3;

/// The result of observing an action's effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The effect is there.
    Holds(Vec<Fact>),
    /// It was requested and is not there yet. The text says what is waited for.
    UnderWay(String),
    /// It was requested, and another call is needed for it now, which may be repeated. The text says which.
    Due(String),
    /// It was not requested.
    NotYet,
    /// It will not come by waiting or by repeating the call, for this reason.
    Never(Failure),
    /// It cannot be observed, such as a message to a channel that cannot be read.
    CannotTell,
}

impl Seen {
    /// The effect is there, and there are no facts to record.
    #[must_use]
    pub(crate) const fn holds() -> Self {
        Self::Holds(Vec::new())
    }

    /// It will not come by waiting or by repeating the call.
    #[must_use]
    pub(crate) fn never(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Never(Failure::permanent(why).with_hint(hint))
    }
}

/// What carrying out a step needs to know besides its action.
pub(crate) struct StepContext<'a> {
    /// The ports.
    pub world: &'a World,
    /// The way to change anything.
    pub gate: &'a Gate,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The step.
    pub step: &'a Step,
    /// The journal.
    pub journal: &'a Journal,
    /// Recent readings of the world, which the steps share.
    pub readings: &'a Readings,
    /// What supervisors are asked and have answered, which the steps share.
    pub supervisors: &'a Supervisors,
    /// The slots for calls and connections.
    pub slots: &'a Slots,
    /// The step's slot. It is taken from the start until the first call has been made, and later during each
    /// observation and each call.
    pub slot: StepSlot<'a>,
    /// When the step was first started, by this process or an earlier one, as a date that tells its
    /// runs apart: it is a later one after each failure. Nothing is measured from it.
    pub since: Timestamp,
    /// When this process took it up, for measuring.
    pub taken_up: Moment,
    /// Since when its time limit counts: since it was taken up, and anew once it only waits for its effect.
    pub limited_since: Cell<Moment>,
    /// How often it has failed before.
    pub failures: u32,
    /// Operator-approved retries so far, of a step that is never retried automatically.
    pub retries: u32,
    /// Whether it is on record that the step has started.
    pub was_started: Cell<bool>,
    /// What was told last of what it waits for.
    pub mentioned: RefCell<String>,
    /// What this process has found out about it so far.
    pub found: Found,
    /// Facts that were learned and are not on record yet.
    pub learned: RefCell<Vec<Fact>>,
    /// What its token is made from, once it was needed.
    pub token: OnceCell<Digest>,
}

impl StepContext<'_> {
    /// Makes a reading call, and repeats it after a failure that may be temporary, as long as the step's time limit lets it.
    /// Each call is repeated separately, so that looking at many hosts does not start again because one of them could not be
    /// reached.
    pub(crate) async fn ask<T>(&self, question: impl AsyncFn(&World) -> Answer<T>) -> Answer<T> {
        self.ask_with(&self.slot, question).await
    }

    /// The same with a slot of its own, for a step that asks many hosts. The slot is released while the call waits for
    /// another attempt, so that others can work meanwhile.
    pub(crate) async fn ask_with<T>(
        &self,
        slot: &StepSlot<'_>,
        question: impl AsyncFn(&World) -> Answer<T>,
    ) -> Answer<T> {
        let mention = |failure: &Failure| {
            slot.release();
            self.mention(&format!("cannot be observed now: {}", self.named(failure.clone())));
        };
        let call = async || {
            slot.take_to_look().await;
            question(self.world).await
        };
        let answer = retry::reading_within(retry::CALL, || self.left_to_ask(), self.clock, mention, call).await;
        // The call was repeated often enough, so the caller must not repeat it.
        answer.map_err(Failure::for_good)
    }

    /// The failure with the name of the host of which it gives only the id.
    pub(crate) fn named(&self, why: Failure) -> Failure {
        let upgrade = self.journal.upgrade();
        let captured = upgrade.captured.iter().flatten().map(|host| (&host.instance, &host.name));
        let launched = upgrade.launched.iter().map(|(name, id)| (id, name));
        let told = captured.chain(launched).find(|(id, _)| why.is_about(id));
        match told {
            Some((id, name)) => why.naming(id, name),
            None => why,
        }
    }

    /// Tells what the step waits for, unless that was the last thing that was told.
    pub(crate) fn mention(&self, detail: &str) {
        if *self.mentioned.borrow() != detail {
            detail.clone_into(&mut self.mentioned.borrow_mut());
            self.journal.mention(&self.step.id, detail);
        }
    }

    /// How much longer the step may ask. A step that waits for a person or a date looks only once that wait is over, so its
    /// limit says nothing about that.
    fn left_to_ask(&self) -> Duration {
        if manner(&self.step.action) == Manner::Wait {
            return Duration::MAX;
        }
        let elapsed = self.limited_since.get().at_least_until(self.clock.moment());
        self.step.limit.saturating_add(LAST_LOOK).saturating_sub(elapsed)
    }

    /// A question that ends soon after the step's time limit, or, if that has passed, after one short look.
    pub(crate) fn in_time<'q>(&self, question: &'q Ask) -> Cow<'q, Ask> {
        let left = self.left_to_ask().max(LAST_LOOK);
        match question.limit <= left {
            true => Cow::Borrowed(question),
            false => Cow::Owned(Ask { limit: left, ..question.clone() }),
        }
    }

    /// The time that has certainly passed since this process took the step up. What an earlier process did is on record
    /// with dates of a clock that may have been wrong, so its time does not count.
    pub(crate) fn in_this_process(&self) -> Duration {
        self.taken_up.at_least_until(self.clock.moment())
    }

    /// For how long the awaited condition has certainly lasted, by the looks of this process that have seen it, of which this
    /// is one. A look that does not see it clears `seen_since`.
    pub(crate) fn has_lasted(&self) -> Duration {
        let now = self.clock.moment();
        let since = self.found.seen_since.get().unwrap_or(now);
        self.found.seen_since.set(Some(since));
        since.at_least_until(now)
    }

    /// Makes one attempt of a write, unless it is too late for this step once the gate lets it pass: the gate may have
    /// waited, and this process may have been suspended.
    pub(crate) async fn write<T>(
        &self,
        call: &'static str,
        attempt: impl AsyncFnOnce(&Permit) -> Answer<T>,
    ) -> Result<T, WriteError> {
        let attempt = async |permit: &Permit| match self.too_late() {
            Some(failure) => Err(failure),
            None => attempt(permit).await,
        };
        self.gate.write(call, attempt).await
    }

    /// Why this step may not be done any more: the latest safe start has passed, and the window is not open yet. Once
    /// the maintenance page may be up, everything goes on.
    pub(crate) fn too_late(&self) -> Option<Failure> {
        if self.step.line == Line::Open {
            return None;
        }
        let (upgrade, now) = (self.journal.upgrade(), self.clock.now());
        let latest = upgrade.current_run().and_then(opens_by).filter(|latest| now > *latest)?;
        Some(too_late(latest, now))
    }

    /// Makes one attempt of a write on a host. The host is reached first, so that the permit does not wait for a connection.
    pub(crate) async fn write_on_host<T>(
        &self,
        call: &'static str,
        host: &InstanceId,
        attempt: impl AsyncFnOnce(&Permit) -> Answer<T>,
    ) -> Result<T, WriteError> {
        self.world.hosts.reach(host).await?;
        self.write(call, attempt).await
    }

    /// Makes a write that depends on a `check` right before it. If the gate has waited since, or this process was
    /// suspended, nothing is sent, and it is checked again.
    pub(crate) async fn write_checked<C, T>(
        &self,
        call: &'static str,
        check: impl AsyncFn() -> Result<C, WriteError>,
        attempt: impl AsyncFn(&Permit, &C) -> Answer<T>,
    ) -> Result<T, WriteError> {
        let mut checks = 0;
        loop {
            checks += 1;
            let (begin, is_stale) = (self.gate.moment(), Cell::new(false));
            let checked = check().await?;
            let attempt = async |permit: &Permit| {
                is_stale.set(self.gate.since(begin) > CHECKED);
                match is_stale.get() {
                    false => attempt(permit, &checked).await,
                    true => Err(Failure::not_applied(format!(
                        "more than {} s passed after the check before it, so nothing was sent",
                        CHECKED.as_secs()
                    ))),
                }
            };
            let answer = self.write(call, attempt).await;
            if !is_stale.get() || checks == CHECKS {
                return answer;
            }
        }
    }

    /// Every instance of the deployment, from a recent reading.
    pub(crate) async fn listed(&self) -> Answer<Rc<Listing>> {
        self.ask(async |_| self.readings.instances().await).await
    }

    /// Keeps a fact until it can be recorded, which is possible once the step has started. Most observations only
    /// confirm what is on record.
    pub(crate) fn note(&self, fact: Fact) {
        if self.is_new(&fact) {
            self.learned.borrow_mut().push(fact);
        }
    }

    /// Records a fact before anything is done because of it.
    pub(crate) async fn learn(&self, fact: Fact) -> Result<(), JournalError> {
        self.note(fact);
        self.put_on_record().await
    }

    /// Records the facts that were kept, if the step has started. Facts already on record for the step are not
    /// repeated.
    pub(crate) async fn put_on_record(&self) -> Result<(), JournalError> {
        if self.learned.borrow().is_empty() {
            return Ok(());
        }
        let facts = self.news(Vec::new());
        if facts.is_empty() {
            return Ok(());
        }
        if !self.run().status.is_open() {
            self.learned.replace(facts);
            return Ok(());
        }
        self.journal.append(Event::StepLearned { step: self.step.id.clone(), facts }).await
    }

    /// The facts that were kept, and `more`, without those already on record for this step.
    pub(crate) fn news(&self, more: Vec<Fact>) -> Vec<Fact> {
        let mut news: Vec<Fact> = Vec::new();
        for fact in self.learned.take().into_iter().chain(more) {
            if !news.contains(&fact) && self.is_new(&fact) {
                news.push(fact);
            }
        }
        news
    }

    /// The state of this step in the journal.
    pub(crate) fn run(&self) -> Ref<'_, StepRun> {
        self.journal.step_run(&self.step.id)
    }

    /// Whether a fact has to be recorded. What an attempt before was not done for is forgotten once the next one has started.
    fn is_new(&self, fact: &Fact) -> bool {
        let is_forgotten = fact.is_of_one_attempt() && !self.run().status.is_open();
        is_forgotten || !self.knows(fact)
    }

    /// Whether the journal has this fact for the step.
    pub(crate) fn knows(&self, fact: &Fact) -> bool {
        self.run().facts.contains(fact)
    }

    /// The idempotency token of this step. It is the same in every attempt and every process, and differs if the action
    /// differs, such as an announcement with another text.
    pub(crate) fn token(&self) -> &str {
        let digest = || Digest::of_json(&(&self.journal.upgrade().id, &self.step.id, &self.step.action));
        &self.token.get_or_init(digest).as_str()[..32]
    }

    /// A name for a job that carries out an order. Each attempt of each conductor has another one, because the journal has
    /// grown since.
    pub(crate) fn name_of_order(&self) -> JobName {
        let upgrade = self.journal.upgrade();
        let upgrade = upgrade.id.as_ref().map_or("upgrade", |id| id.as_str());
        format!("{upgrade}-{}-e{}-{}", self.step.id, self.gate.epoch(), self.journal.records()).into()
    }

    /// The last order that this step gave a host, whichever process did.
    pub(crate) fn last_order(&self, host: &InstanceId) -> Option<JobName> {
        self.last_learned(|fact| match fact {
            Fact::Order { instance, job } if instance == host => Some(job.clone()),
            _ => None,
        })
    }

    /// What the last fact says that this step has learned, whichever process did, and about which `says` has an answer.
    pub(crate) fn last_learned<T>(&self, says: impl Fn(&Fact) -> Option<T>) -> Option<T> {
        let kept = self.learned.borrow().iter().rev().find_map(&says);
        kept.or_else(|| self.run().facts.iter().rev().find_map(&says))
    }

    /// The instance of a host, from the plan or from the step that launched it.
    pub(crate) fn instance(&self, host: &Host) -> Answer<InstanceId> {
        match &host.instance {
            InstanceRef::Known(instance) => Ok(instance.clone()),
            InstanceRef::MadeBy(_) => {
                self.journal.upgrade().launched.get(&host.name).cloned().ok_or_else(|| {
                    Failure::permanent(format!("the journal does not say which instance {} is", host.name))
                })
            }
        }
    }

    pub(crate) fn instances(&self, hosts: &[Host]) -> Answer<Vec<InstanceId>> {
        hosts.iter().map(|host| self.instance(host)).collect()
    }

    /// The image to launch from, from the plan or from the step that built it.
    pub(crate) fn image(&self, image: &ImageRef) -> Answer<ImageId> {
        match image {
            ImageRef::Known(image) => Ok(image.clone()),
            ImageRef::MadeBy(step) => {
                let upgrade = self.journal.upgrade();
                let planned = upgrade.runs.iter().rev().find_map(|run| run.plan.step(step));
                let name = planned.and_then(|step| match &step.action {
                    Action::BuildImage(build) => Some(build.name.clone()),
                    _ => None,
                });
                let built = name.and_then(|name| upgrade.images.get(&name).cloned());
                built.ok_or_else(|| Failure::permanent(format!("the journal does not say which image {step} built")))
            }
        }
    }
}
