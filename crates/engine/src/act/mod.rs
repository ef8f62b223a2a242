//! How each kind of action is observed and made, through the ports alone. One module a subject.
//!
//! Observing says whether what the action wants already holds, is under way, has not been begun, or can never
//! come true. Making it asks the world once and waits for nothing: waiting is observing again.

mod balancers;
mod dns;
mod hosts;
mod images;
mod migrations;
mod pages;
mod recorded;
mod snapshots;

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, StepRun};
use cutover_core::names::{ChangeId, ImageId, InstanceId, JobName};
use cutover_core::observation::SHOWN_WITHIN;
use cutover_core::plan::{Action, Host, ImageRef, InstanceRef, Step};

use crate::failure::Failure;
use crate::gate::Gate;
use crate::halt::Hitch;
use crate::journal::{Journal, JournalError};
use crate::ports::{Answer, Clock, World};
use crate::readings::{Listing, Readings};
use crate::retry;
use crate::slots::{Slot, Slots};

/// How long a call that was sent may take until it is applied or lost.
const IN_TRANSIT: Duration = Duration::from_secs(10);

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
    pub begun: Cell<bool>,
    /// When what it waits for was first seen, for waits that need it to last.
    pub seen_since: Cell<Option<Timestamp>>,
    /// The change to records that it asked for, when the answer was not lost.
    pub change: RefCell<Option<ChangeId>>,
    /// What its jobs have printed so far.
    pub output: RefCell<BTreeMap<JobName, String>>,
    /// What was learned and is not on record yet.
    pub learned: RefCell<Vec<Fact>>,
}

impl Scene<'_> {
    /// Asks the world something, and again after a failure that may pass. Each question is repeated by itself: to look at
    /// many hosts must not begin anew because one of them could not be asked.
    async fn ask<T>(&self, question: impl AsyncFn(&World) -> Answer<T>) -> Answer<T> {
        let mention = |failure: &Failure| {
            self.journal.mention(&self.step.id, &format!("cannot be observed now: {failure}"));
        };
        let answer = retry::reading(retry::CALL, self.clock, mention, async || question(self.world).await).await;
        // Asked often enough: the act that needed the answer is not made again for it.
        answer.map_err(|failure| Failure::permanent(failure.message))
    }

    /// Every instance of the deployment, as of a moment ago.
    async fn listed(&self) -> Answer<Rc<Listing>> {
        self.ask(async |_| self.readings.instances().await).await
    }

    /// Keeps something that was learned until it can go on record: at once where the step is under way.
    fn note(&self, fact: Fact) {
        self.learned.borrow_mut().push(fact);
    }

    /// Puts something that was learned on record, before anything follows from it.
    async fn learn(&self, fact: Fact) -> Result<(), JournalError> {
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
    fn run(&self) -> Ref<'_, StepRun> {
        self.journal.step_run(&self.step.id)
    }

    /// Whether the journal says this of the step.
    fn knows(&self, fact: &Fact) -> bool {
        self.run().facts.contains(fact)
    }

    /// The token of this step: the same in every attempt and every process, and another for another action, such
    /// as an announcement with other words.
    fn token(&self) -> String {
        let token = Digest::of_json(&(&self.journal.upgrade().id, &self.step.id, &self.step.action));
        token.as_str()[..32].to_owned()
    }

    /// The instance of a host, from the plan or from the step that launched it.
    fn instance(&self, host: &Host) -> Answer<InstanceId> {
        match &host.instance {
            InstanceRef::Known(instance) => Ok(instance.clone()),
            InstanceRef::MadeBy(_) => {
                self.journal.upgrade().launched.get(&host.name).cloned().ok_or_else(|| {
                    Failure::permanent(format!("the journal does not say which instance {} is", host.name))
                })
            }
        }
    }

    fn instances(&self, hosts: &[Host]) -> Answer<Vec<InstanceId>> {
        hosts.iter().map(|host| self.instance(host)).collect()
    }

    /// The image to launch from, from the plan or from the step that built it.
    fn image(&self, image: &ImageRef) -> Answer<ImageId> {
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

/// Looks whether what the step wants holds already.
pub(crate) async fn observe(scene: &Scene<'_>) -> Answer<Seen> {
    match &scene.step.action {
        Action::Milestone => Ok(Seen::holds()),
        Action::WaitUntil { moment, .. } => Ok(wait_until(scene, *moment)),
        Action::Decide(_) | Action::SmokeTest { .. } => Ok(Seen::NotYet),
        Action::Capture { hosts } => Ok(Seen::Holds(vec![Fact::Captured { hosts: hosts.clone() }])),
        Action::Announce(message) => pages::announced(scene, message).await,
        Action::PublishPage(page) => pages::published(scene, page).await,
        Action::ChangeRecords(change) => dns::changed(scene, change).await,
        Action::AwaitResolvers(wait) => dns::forgotten(scene, wait).await,
        Action::BuildImage(build) => images::built(scene, build).await,
        Action::RemoveImage { image, .. } => images::removed(scene, image).await,
        Action::Launch(launch) => hosts::launched(scene, launch).await,
        Action::Terminate { host, .. } => hosts::terminated(scene, host).await,
        Action::StopServices(stop) => hosts::stopped(scene, stop).await,
        Action::StartServices(start) => hosts::started(scene, start).await,
        Action::ConfirmStopped { hosts } => hosts::still_stopped(scene, hosts).await,
        Action::DrainQueues { fleet } => hosts::drained(scene, fleet).await,
        Action::TakeSnapshot { database, snapshot } => snapshots::taken(scene, database, snapshot).await,
        Action::Migrate(migrate) => migrations::migrated(scene, migrate).await,
        Action::Register(members) => balancers::registered(scene, members).await,
        Action::Deregister(members) => balancers::deregistered(scene, members).await,
        Action::AwaitHealthy(members) => balancers::healthy(scene, members).await,
        Action::AwaitDrained(members) => balancers::drained(scene, members).await,
        Action::CheckSite(check) => pages::answers(scene, check).await,
    }
}

/// Makes what the step wants, once. Actions that only wait have nothing to make.
pub(crate) async fn act(scene: &Scene<'_>) -> Result<(), Hitch> {
    match &scene.step.action {
        Action::Announce(message) => pages::announce(scene, message).await,
        Action::PublishPage(page) => pages::publish(scene, page).await,
        Action::ChangeRecords(change) => dns::change(scene, change).await,
        Action::BuildImage(build) => images::build(scene, build).await,
        Action::RemoveImage { image, .. } => images::remove(scene, image).await,
        Action::Launch(launch) => hosts::launch(scene, launch).await,
        Action::Terminate { host, balancers } => hosts::terminate(scene, host, balancers).await,
        Action::StopServices(stop) => hosts::stop(scene, stop).await,
        Action::StartServices(start) => hosts::start(scene, start).await,
        Action::ConfirmStopped { hosts } => hosts::stop_again(scene, hosts).await,
        Action::TakeSnapshot { database, snapshot } => snapshots::take(scene, database, snapshot).await,
        Action::Migrate(migrate) => migrations::start(scene, migrate).await,
        Action::Register(members) => balancers::register(scene, members).await,
        Action::Deregister(members) => balancers::deregister(scene, members).await,
        Action::SmokeTest { host, tests } => Ok(hosts::smoke_test(scene, host, tests).await?),
        Action::Milestone
        | Action::WaitUntil { .. }
        | Action::Decide(_)
        | Action::Capture { .. }
        | Action::AwaitResolvers(_)
        | Action::DrainQueues { .. }
        | Action::AwaitHealthy(_)
        | Action::AwaitDrained(_)
        | Action::CheckSite(_) => Ok(()),
    }
}

/// How an action is carried out beyond observing and making it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Observe, make, observe until it holds.
    Ensure,
    /// The same, but what has failed, or is missing after it was begun, is made again only once somebody wants it so.
    ByConsent,
    /// Its making is its proof: there is nothing to observe, before or after.
    Perform,
    /// It waits for a person or the calendar; stopping the conductor ends the wait at once.
    Wait,
}

pub(crate) fn manner(action: &Action) -> Manner {
    match action {
        Action::SmokeTest { .. } => Manner::Perform,
        Action::Decide(_) | Action::WaitUntil { .. } => Manner::Wait,
        Action::Migrate(_) => Manner::ByConsent,
        Action::Milestone
        | Action::Capture { .. }
        | Action::Announce(_)
        | Action::PublishPage(_)
        | Action::ChangeRecords(_)
        | Action::AwaitResolvers(_)
        | Action::BuildImage(_)
        | Action::RemoveImage { .. }
        | Action::Launch(_)
        | Action::Terminate { .. }
        | Action::StopServices(_)
        | Action::StartServices(_)
        | Action::ConfirmStopped { .. }
        | Action::DrainQueues { .. }
        | Action::TakeSnapshot { .. }
        | Action::Register(_)
        | Action::Deregister(_)
        | Action::AwaitHealthy(_)
        | Action::AwaitDrained(_)
        | Action::CheckSite(_) => Manner::Ensure,
    }
}

/// The longest time between two observations: what is expected to take days is reported a quarter of an hour late at
/// most.
const LONGEST_INTERVAL: Duration = Duration::from_secs(900);

/// How long to wait between two observations of a step that was begun `elapsed` ago: no shorter than what is observed can
/// change, and a hundredth of the time that is still expected, or by which it is late already. So its end is noticed
/// within about a hundredth of what it took, and a migration of days is not looked at every two seconds.
pub(crate) fn interval(step: &Step, elapsed: Duration) -> Duration {
    (step.expected.abs_diff(elapsed) / 100).clamp(shortest_interval(&step.action), LONGEST_INTERVAL)
}

/// The shortest time in which what an action waits for can change.
pub(crate) fn shortest_interval(action: &Action) -> Duration {
    Duration::from_secs(match action {
        Action::BuildImage(_) | Action::AwaitDrained(_) => 15,
        Action::PublishPage(_) => 10,
        // A balancer's verdict changes every 5 seconds at most, its shortest interval between health checks.
        Action::Launch(_) | Action::TakeSnapshot { .. } | Action::AwaitHealthy(_) => 5,
        Action::StopServices(_) | Action::StartServices(_) | Action::Migrate(_) => 2,
        _ => 3,
    })
}

/// How long to look, after a call that may have worked, before it is taken not to have: at least as long as it may take
/// to be applied, and as readings may show what was there before.
pub(crate) fn grace(action: &Action) -> Duration {
    match action {
        Action::BuildImage(_)
        | Action::RemoveImage { .. }
        | Action::Launch(_)
        | Action::Terminate { .. }
        | Action::TakeSnapshot { .. }
        | Action::Register(_)
        | Action::Deregister(_)
        // Its job is not begun again by itself, so a host that is slow to obey is waited for.
        | Action::Migrate(_) => IN_TRANSIT + SHOWN_WITHIN,
        // Whoever is asked about these knows at once.
        _ => IN_TRANSIT,
    }
}

fn wait_until(scene: &Scene<'_>, moment: Timestamp) -> Seen {
    if scene.clock.now() >= moment { Seen::holds() } else { Seen::NotYet }
}
