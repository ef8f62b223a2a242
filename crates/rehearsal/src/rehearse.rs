//! Rehearses a whole upgrade: all four phases on an embedded cloud in memory, in simulated time, with the same planner,
//! conductor and journal as a real upgrade, and with a scripted operator at the gates.

use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;

use cutover_core::deployment::Deployment;
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Record, Upgrade};
use cutover_core::names::StepId;
use cutover_core::plan::{Finding, Order, Phase, Plan, Severity, lint};
use cutover_core::planner::{Blocked, Inputs, plan_digested};
use cutover_core::time::{earlier, later};
use cutover_engine::drive::Conductor;
use cutover_engine::failure::Failure;
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Authority, Gate};
use cutover_engine::halt::Halt;
use cutover_engine::journal::{Journal, JournalError, Listener, Reading, read};
use cutover_engine::lease::OnClock;
use cutover_engine::ledger::{InMemory, Ledger};
use cutover_engine::observe::observe;
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;

use crate::clock::{SimulatedClock, run};
use crate::cloud::EmbeddedCloud;
use crate::operator::ScriptedOperator;
use crate::world::{KnownResources, Violation, VisitorReport, WorldState};

/// How long before the window next hosts are prepared.
const PREPARE_BEFORE: Duration = Duration::from_secs(2 * 86_400);
/// How long after the window's end old hosts are retired.
const RETIRE_AFTER: Duration = Duration::from_secs(7 * 86_400);
/// How much earlier than necessary the operator starts what comes before the window.
const EARLY: Duration = Duration::from_secs(900);

/// The result of a rehearsal.
#[derive(Debug)]
pub struct Rehearsed {
    /// How it ended.
    pub ending: RehearsalEnding,
    /// The journal.
    pub records: Vec<Record>,
    /// The state of the upgrade according to the journal.
    pub upgrade: Upgrade,
    /// What visitors saw, from the announcement to the end.
    pub visitors: VisitorReport,
    /// The violated invariants.
    pub violations: Vec<Violation>,
    /// The findings of the linter about the plans.
    pub findings: Vec<Finding>,
}

/// How a rehearsal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RehearsalEnding {
    /// All phases succeeded.
    Completed,
    /// A phase could not be planned.
    Blocked(Phase, Vec<Blocked>),
    /// The linter refused a plan.
    Refused(Phase),
    /// Steps failed.
    Failed(Phase, Vec<StepId>),
}

/// A rehearsal could not be completed, for reasons that are not part of the upgrade.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The conductor stopped immediately: the journal failed, or it may not write any more.
    #[error(transparent)]
    Halted(Box<Halt>),
    /// The embedded cloud could not be observed.
    #[error("the embedded cloud could not be observed")]
    Observation(#[from] Failure),
}

impl RehearsalError {
    /// What to do next; empty if there is no hint.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Halted(halt) => halt.hint(),
            Self::Observation(failure) => failure.hint.clone().unwrap_or_default(),
        }
    }
}

impl From<Halt> for RehearsalError {
    fn from(halt: Halt) -> Self {
        Self::Halted(Box::new(halt))
    }
}

impl From<JournalError> for RehearsalError {
    fn from(error: JournalError) -> Self {
        Halt::from(error).into()
    }
}

/// Rehearses the upgrade of `deployment`. The same seed gives the same rehearsal. `faults` are injected, and `listener`
/// is called with all progress.
///
/// # Errors
/// When the rehearsal itself fails. Failures of the upgrade are part of the result.
pub fn rehearse(
    deployment: &Deployment,
    seed: u64,
    order: Order,
    faults: impl FnOnce(&mut WorldState),
    listener: Listener,
) -> Result<Rehearsed, RehearsalError> {
    let (clock, cloud) = furnished(deployment, seed, faults);
    let ledger = InMemory::new(Vec::new(), |_| {});
    run(&clock, conduct_in_memory(deployment, order, &cloud, Rc::clone(&clock) as _, &ledger, listener))
}

/// The world before an upgrade, and its clock.
pub(crate) fn furnished(
    deployment: &Deployment,
    seed: u64,
    faults: impl FnOnce(&mut WorldState),
) -> (Rc<SimulatedClock>, Rc<EmbeddedCloud>) {
    let start = when(deployment, Phase::Announce);
    let clock = SimulatedClock::new(start);
    let mut world = EmbeddedCloud::furnish(deployment, seed, start);
    faults(&mut world);
    let cloud = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>);
    (clock, cloud)
}

/// Conducts all phases that are not finished, starting from the state in the journal in `store`.
///
/// # Errors
/// When the rehearsal itself fails.
pub async fn conduct(
    deployment: &Deployment,
    order: Order,
    cloud: &Rc<EmbeddedCloud>,
    clock: Rc<dyn Clock>,
    store: &Store,
    listener: Listener,
) -> Result<Rehearsed, RehearsalError> {
    let journal = open(store.clone(), read(store).await?, Rc::clone(&clock), listener);
    let (ending, findings) = conduct_phases(deployment, order, cloud, clock, journal).await?;
    let Reading { records, upgrade, .. } = read(store).await?;
    Ok(rehearsed(cloud, ending, findings, records, upgrade))
}

/// The same with a journal whose records are kept in this process's memory.
pub(crate) async fn conduct_in_memory(
    deployment: &Deployment,
    order: Order,
    cloud: &Rc<EmbeddedCloud>,
    clock: Rc<dyn Clock>,
    ledger: &Rc<InMemory>,
    listener: Listener,
) -> Result<Rehearsed, RehearsalError> {
    let before = ledger.records().clone();
    let reading = Reading::in_memory(before).map_err(JournalError::from)?;
    let journal = open(Rc::clone(ledger), reading, Rc::clone(&clock), listener);
    let (ending, findings) = conduct_phases(deployment, order, cloud, clock, Rc::clone(&journal)).await?;
    let (records, upgrade) = (ledger.take_records(), journal.upgrade().clone());
    Ok(rehearsed(cloud, ending, findings, records, upgrade))
}

/// The journal for the conductor that continues after what was read.
fn open(ledger: impl Into<Ledger>, reading: Reading, clock: Rc<dyn Clock>, listener: Listener) -> Rc<Journal> {
    let nonce = format!("rehearsal-{}-{}", clock.now().as_millisecond(), reading.records.len());
    let epoch = reading.records.last().map_or(1, |last| last.epoch + 1);
    Rc::new(Journal::open(ledger, reading, clock, epoch, nonce, listener))
}

/// Takes over, and conducts all phases that are not finished.
async fn conduct_phases(
    deployment: &Deployment,
    order: Order,
    cloud: &Rc<EmbeddedCloud>,
    clock: Rc<dyn Clock>,
    journal: Rc<Journal>,
) -> Result<(RehearsalEnding, Vec<Finding>), RehearsalError> {
    let operator = Rc::new(ScriptedOperator::new(deployment, Rc::clone(&clock)));
    let stop = std::future::pending().boxed_local().shared();
    let world = cloud.world();
    let machine = Rc::new(OnClock(Rc::clone(&clock)));
    let gate = Gate::new(Authority::Alone, Rc::clone(&journal), machine)
        .with_faults(Rc::clone(cloud) as _)
        .with_zone(ZoneFence::of(deployment, &world, &clock));
    let conductor = Conductor::new(world, Rc::clone(&clock), operator, journal, gate, stop);
    let took_over = Event::ConductorTookOver { upgrade: deployment.upgrade(), conductor: "rehearsal".to_owned() };
    conductor.journal.append(took_over).await?;
    let mut findings = Vec::new();
    let digest = Digest::of_json(deployment);
    let unfinished = |phase: &Phase| !conductor.journal.upgrade().finished(*phase);
    for phase in Phase::ALL.into_iter().filter(unfinished) {
        clock.wait_for_date(when(deployment, phase)).await;
        if let Some(early) = conduct_digested(deployment, &digest, order, phase, &conductor, &mut findings).await? {
            return Ok((early, findings));
        }
    }
    Ok((RehearsalEnding::Completed, findings))
}

fn rehearsed(
    cloud: &EmbeddedCloud,
    ending: RehearsalEnding,
    findings: Vec<Finding>,
    records: Vec<Record>,
    upgrade: Upgrade,
) -> Rehearsed {
    let mut violations = cloud.violations();
    let known = KnownResources::of(&upgrade);
    violations.extend(match ending {
        RehearsalEnding::Completed => cloud.check_end(&known),
        _ => cloud.check_named(&known),
    });
    Rehearsed { ending, visitors: cloud.visitors(), violations, findings, upgrade, records }
}

/// Plans and conducts a phase, or continues one that was started. `None` if it has succeeded. The linter's findings
/// about the plan are added to `findings`.
///
/// # Errors
/// When the rehearsal itself fails.
pub async fn conduct_phase(
    deployment: &Deployment,
    order: Order,
    phase: Phase,
    conductor: &Conductor,
    findings: &mut Vec<Finding>,
) -> Result<Option<RehearsalEnding>, RehearsalError> {
    conduct_digested(deployment, &Digest::of_json(deployment), order, phase, conductor, findings).await
}

/// The same, for a deployment whose digest is known.
async fn conduct_digested(
    deployment: &Deployment,
    digest: &Digest,
    order: Order,
    phase: Phase,
    conductor: &Conductor,
    findings: &mut Vec<Finding>,
) -> Result<Option<RehearsalEnding>, RehearsalError> {
    let upgrade = conductor.journal.upgrade().clone();
    if upgrade.run_of(phase).is_some() {
        return Ok(early_end(phase, phase::run(conductor, None, phase).await?));
    }
    let observation = observe(&conductor.world, &*conductor.clock, deployment, &upgrade).await?;
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    let plan: Plan = match plan_digested(inputs, digest, phase, order) {
        Ok(plan) => plan,
        Err(blocked) => return Ok(Some(RehearsalEnding::Blocked(phase, blocked))),
    };
    let found = lint(&plan, deployment);
    let refused = found.iter().any(|finding| finding.severity == Severity::Error);
    findings.extend(found);
    if refused {
        return Ok(Some(RehearsalEnding::Refused(phase)));
    }
    let begin = Some((plan, digest.clone()));
    Ok(early_end(phase, phase::run(conductor, begin, phase).await?))
}

fn early_end(phase: Phase, ending: Ending) -> Option<RehearsalEnding> {
    match ending {
        Ending::Finished => None,
        Ending::Failed(steps) => Some(RehearsalEnding::Failed(phase, steps)),
        Ending::Stopped | Ending::PartDone => Some(RehearsalEnding::Failed(phase, Vec::new())),
    }
}

/// When an operator would start a phase.
fn when(deployment: &Deployment, phase: Phase) -> Timestamp {
    let window = &deployment.window;
    let start = window.start.timestamp;
    match phase {
        Phase::Announce => earlier(start, window.notice.duration().max(PREPARE_BEFORE + Duration::from_secs(3600))),
        Phase::Prepare => earlier(start, PREPARE_BEFORE),
        Phase::Window => {
            let gates: Duration = deployment.gates.iter().map(|gate| gate.expected.duration()).sum();
            earlier(start, deployment.expected.snapshot.duration() + gates + EARLY)
        }
        Phase::Retire => later(window.ends().timestamp, RETIRE_AFTER),
    }
}
