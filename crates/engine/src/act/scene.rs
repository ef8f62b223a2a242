//! What observing a step can show, and what carrying it out needs to know.

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, StepRun};
use cutover_core::names::{ChangeId, ImageId, InstanceId, JobName};
use cutover_core::plan::{Action, Host, ImageRef, InstanceRef, Step};

use super::printed::Printed;
use crate::failure::Failure;
use crate::gate::Gate;
use crate::journal::{Journal, JournalError};
use crate::ports::{Answer, Clock, World};
use crate::readings::{Listing, Readings};
use crate::retry;
use crate::slots::{Slot, Slots};

/// What observing an action's subject has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// What the action wants holds.
    Holds(Vec<Fact>),
    /// It has been asked for and is not there yet; in words, what is waited for.
    UnderWay(String),
    /// It has not been asked for.
    NotYet,
    /// It cannot come true by waiting or asking again; why, and what to do.
    Never(String),
    /// Nobody can tell: a message to a channel that cannot be read back.
    CannotTell,
}

impl Seen {
    /// Holds, with nothing to tell.
    #[must_use]
    pub(crate) const fn holds() -> Self {
        Self::Holds(Vec::new())
    }
}

/// What carrying out a step needs to know besides its action.
pub(crate) struct Scene<'a> {
    /// The ports.
    pub world: &'a World,
    /// The way to change anything.
    pub gate: &'a Gate,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The step.
    pub step: &'a Step,
    /// What is on record.
    pub journal: &'a Journal,
    /// What was read of the world a moment ago, for all steps together.
    pub readings: &'a Readings,
    /// The places for calls and connections.
    pub slots: &'a Slots,
    /// The place that the step has had since it was begun, until its order is given.
    pub slot: RefCell<Option<Slot>>,
    /// When the step was first begun, by whichever process; anew after a failure.
    pub since: Timestamp,
    /// When this process took it up.
    pub taken_up: Timestamp,
    /// How often it has failed before.
    pub failures: u32,
    /// How often somebody wanted it tried again that is never tried again by itself.
    pub retries: u32,
    /// Whether its making is known to have been begun.
    pub was_started: Cell<bool>,
    /// When what it waits for was first seen, for waits that need it to last.
    pub seen_since: Cell<Option<Timestamp>>,
    /// The change to records that it asked for, when the answer was not lost.
    pub change: RefCell<Option<ChangeId>>,
    /// What its jobs have printed so far.
    pub output: RefCell<BTreeMap<JobName, Printed>>,
    /// What was learned and is not on record yet.
    pub learned: RefCell<Vec<Fact>>,
}

impl Scene<'_> {
    /// Asks the world something, and again after a failure that may pass. Each question is repeated by itself: to look at
    /// many hosts must not begin anew because one of them could not be asked.
    pub(crate) async fn ask<T>(&self, question: impl AsyncFn(&World) -> Answer<T>) -> Answer<T> {
        let mention = |failure: &Failure| {
            self.journal.mention(&self.step.id, &format!("cannot be observed now: {failure}"));
        };
        let answer = retry::reading(retry::CALL, self.clock, mention, async || question(self.world).await).await;
        // Asked often enough: the act that needed the answer is not made again for it.
        answer.map_err(|failure| Failure::permanent(failure.message))
    }

    /// Every instance of the deployment, as of a moment ago.
    pub(crate) async fn listed(&self) -> Answer<Rc<Listing>> {
        self.ask(async |_| self.readings.instances().await).await
    }

    /// Keeps something that was learned until it can go on record: at once where the step is under way.
    pub(crate) fn note(&self, fact: Fact) {
        self.learned.borrow_mut().push(fact);
    }

    /// Puts something that was learned on record, before anything follows from it.
    pub(crate) async fn learn(&self, fact: Fact) -> Result<(), JournalError> {
        self.note(fact);
        self.put_on_record().await
    }

    /// Puts on record what was learned, if the step is under way. What is known of the step already is not said twice.
    pub(crate) async fn put_on_record(&self) -> Result<(), JournalError> {
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

    /// What was learned, and `more`, without what the journal says of this step already.
    pub(crate) fn news(&self, more: Vec<Fact>) -> Vec<Fact> {
        let mut news: Vec<Fact> = Vec::new();
        for fact in self.learned.take().into_iter().chain(more) {
            if !news.contains(&fact) && !self.run().facts.contains(&fact) {
                news.push(fact);
            }
        }
        news
    }

    /// What the journal says of this step.
    pub(crate) fn run(&self) -> Ref<'_, StepRun> {
        self.journal.step_run(&self.step.id)
    }

    /// Whether the journal says this of the step.
    pub(crate) fn knows(&self, fact: &Fact) -> bool {
        self.run().facts.contains(fact)
    }

    /// The token of this step: the same in every attempt and every process, and another for another action, such
    /// as an announcement with other words.
    pub(crate) fn token(&self) -> String {
        let token = Digest::of_json(&(&self.journal.upgrade().id, &self.step.id, &self.step.action));
        token.as_str()[..32].to_owned()
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
