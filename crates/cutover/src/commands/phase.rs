//! `cutover announce`, `prepare`, `window` and `retire`: runs a phase, or resumes one that has started.
//!
//! Everything that can be refused is refused before the lease is claimed and before anything is recorded.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde::Serialize;

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Run, StepRun, StepStatus, Upgrade, downtime_began, opens_by, page_was_posted};
use cutover_core::names::StepId;
use cutover_core::plan::{Phase, Plan};
use cutover_core::status::{Status, StatusInputs, phase_command};
use cutover_core::time::human;
use cutover_engine::drive::{Conductor, Stop};
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Authority, Gate};
use cutover_engine::halt::Halt;
use cutover_engine::journal::{Journal, JournalError, Reading};
use cutover_engine::lease::{self, ATTEMPT, Claim, Lease, LeaseLost, Machine, News};
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::World;
use cutover_engine::store::StoreError;

use crate::absent;
use crate::args::PhaseArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::operator::People;
use crate::planning;
use crate::session::{Access, Loaded, Session};
use crate::wall::{Keyboard, ThisMachine, interrupted, interruptions};
use crate::watch::{Now, TICK, Watch, Watcher};
use crate::{commands_to_type, output, show};

pub(super) fn run(args: &PhaseArgs, phase: Phase) -> Result<Exit, CommandError> {
    if args.dry_run {
        return super::dry_run::run(args, phase);
    }
    let loaded = Loaded::read(&args.file)?;
    super::block_on(async {
        let session = Session::open(loaded, Access::Change).await?;
        let reading = session.read().await?;
        let under_way = reading.upgrade.run_under_way().filter(|run| run.kind == phase.into());
        check_retry(args, phase, under_way)?;
        check_accept(args, phase, under_way)?;
        let plan = match under_way.filter(|_| !args.replan) {
            Some(run) => {
                check_resume(args, &session, &reading.upgrade, run)?;
                // The same plan, but it may start at any time: its finished steps stay done.
                let late = args.late && phase == Phase::Window;
                late.then(|| (Plan::clone(&run.plan).without_latest_start(), run.deployment.clone()))
            }
            None => Some(planning::plan_to_run(args, &session, &reading.upgrade, phase).await?),
        };
        if session.embedded().is_none() {
            absent::refuse(plan.as_ref().map(|(plan, _)| plan).or(under_way.map(|run| &*run.plan)))?;
        }
        // Before the claim: what is said while the lease is held must not wait for whoever reads it.
        let watch = if args.json { Watch::Json } else { Watch::People };
        let watcher = Watcher::begin(watch, &reading.upgrade, session.deployment(), Some(&session.file()));
        match hold(args, &session, phase, reading).await {
            Ok(held) => conduct(args, &session, plan, phase, held, watcher).await,
            Err(error) => {
                watcher.end(&interrupted()).await;
                Err(error)
            }
        }
    })
}

/// What a conductor has once it holds the lease: the lease, the journal as it was read under it, and the world.
struct Held {
    lease: Rc<Lease>,
    reading: Reading,
    world: World,
}

/// Claims the lease, and gets everything ready.
async fn hold(args: &PhaseArgs, session: &Session, phase: Phase, before: Reading) -> Result<Held, CommandError> {
    let records = before.records.len() as u64;
    let machine = Rc::new(session.machine);
    let epoch = before.records.last().map_or(0, |last| last.epoch);
    let claim = Claim { machine, records, epoch, take_over: args.take_over.as_deref(), say: &output::note };
    let lease = Rc::new(lease::claim(&session.store, claim).await?);
    match ready(args, session, phase, records).await {
        Ok((reading, world)) => Ok(Held { lease, reading, world }),
        Err(error) => {
            // Nothing was started, so the next conductor need not wait.
            release(&lease, records).await;
            Err(error)
        }
    }
}

/// The phase may have succeeded since the command was suggested, or may not be possible yet: the status knows.
const NOTHING_TO_DECIDE: &str = "there is none now; `cutover status` shows what to type next";

/// Refuses `--retry` for a step that has not failed.
fn check_retry(args: &PhaseArgs, phase: Phase, under_way: Option<&Run>) -> Result<(), CommandError> {
    let failed: Vec<&str> = under_way.into_iter().flat_map(Run::failed).map(|(step, _)| step.id.as_str()).collect();
    let Some(other) = args.retry.iter().find(|step| !failed.contains(&step.as_str())) else { return Ok(()) };
    let hint = match failed.is_empty() {
        true => NOTHING_TO_DECIDE.to_owned(),
        false => format!("these have failed: {}", failed.join(", ")),
    };
    Err(CommandError::refused(format!("`{other}` is not a failed step of `{phase}`"), hint))
}

/// Refuses `--accept` for a step that is not in doubt: a step known to have failed is not done.
fn check_accept(args: &PhaseArgs, phase: Phase, under_way: Option<&Run>) -> Result<(), CommandError> {
    if let Some(both) = args.accept.iter().find(|step| args.retry.contains(step)) {
        let hint = "treat it as done with --accept, or try it again with --retry";
        return Err(CommandError::refused(format!("`{both}` cannot be accepted and retried at the same time"), hint));
    }
    let is_in_doubt = |run: &StepRun| matches!(run.status, StepStatus::Failed { in_doubt: true, .. });
    let in_doubt = under_way.into_iter().flat_map(Run::runs).filter(|(_, run)| is_in_doubt(run));
    let in_doubt: Vec<&str> = in_doubt.map(|(step, _)| step.id.as_str()).collect();
    let Some(other) = args.accept.iter().find(|step| !in_doubt.contains(&step.as_str())) else { return Ok(()) };
    let hint = match in_doubt.is_empty() {
        true => NOTHING_TO_DECIDE.to_owned(),
        false => format!("these are in doubt: {}", in_doubt.join(", ")),
    };
    Err(CommandError::refused(format!("`{other}` is not a step of `{phase}` that is in doubt"), hint))
}

/// Refuses to resume if the file is not the one that the plan was made from, or if a window that no visitor has noticed
/// yet no longer fits.
fn check_resume(args: &PhaseArgs, session: &Session, upgrade: &Upgrade, run: &Run) -> Result<(), CommandError> {
    let phase = run.plan.phase;
    if run.deployment != Digest::of_json(session.deployment()) {
        return Err(CommandError::refused(
            format!("{} has changed since `{phase}` was started", args.file.display()),
            format!("restore it, or make a new plan: {}", replan_command(session, run)),
        ));
    }
    if let Some(hash) = &args.plan
        && !run.plan.hash().as_str().starts_with(hash.as_str())
    {
        return Err(CommandError::refused(
            format!("`{phase}` was started with plan {}, not {hash}", run.plan.hash().short()),
            format!("resume that one: {}", again(session, upgrade, phase)),
        ));
    }
    if opens_by(run).is_some() && downtime_began(run).is_none() && !args.late {
        planning::refuse_late(session, &run.plan)?;
    }
    Ok(())
}

/// The command that makes a new plan for the phase of `run`, with `--late` if its window would no longer fit.
fn replan_command(session: &Session, run: &Run) -> String {
    let phase = run.plan.phase;
    let is_late = phase == Phase::Window && !page_was_posted(run) && planning::refuse_late(session, &run.plan).is_err();
    format!("cutover {phase} {} --replan{late}", session.file(), late = if is_late { " --late" } else { "" })
}

/// The command that runs or continues a phase.
fn again(session: &Session, upgrade: &Upgrade, phase: Phase) -> String {
    phase_command(status_inputs(session, &session.file(), upgrade, None), phase)
}

/// Reads the journal again under the lease, and reaches the world.
async fn ready(
    args: &PhaseArgs,
    session: &Session,
    phase: Phase,
    records: u64,
) -> Result<(Reading, World), CommandError> {
    // Another conductor may have been at work between the plan and the lease.
    let reading = session.read().await?;
    if reading.records.len() as u64 != records {
        return Err(CommandError::refused(
            "another conductor has just worked on this upgrade",
            format!("run it again: {}", again(session, &reading.upgrade, phase)),
        ));
    }
    set_pace(args, session)?;
    tell_pace(session);
    Ok((reading, session.world().await?))
}

async fn conduct(
    args: &PhaseArgs,
    session: &Session,
    plan: Option<(Plan, Digest)>,
    phase: Phase,
    held: Held,
    watcher: Watcher,
) -> Result<Exit, CommandError> {
    let Held { lease, reading, world } = held;
    let under_way = reading.upgrade.run_of(phase).map(|run| &*run.plan);
    let followed = plan.as_ref().map(|(plan, _)| plan).or(under_way).map_or_else(|| Digest::of(b""), Plan::hash);
    let (stop, abandon) = interruptions();
    let (nonce, listener) = (session.machine.nonce(), watcher.listener());
    let operator = Rc::new(people(session, followed));
    let clock = Rc::clone(&session.clock);
    let journal =
        Rc::new(Journal::open(session.store.clone(), reading, Rc::clone(&clock), lease.epoch, nonce, listener));
    let gate = gate(session, &lease, &journal, &world);
    let remind = Box::pin(remind(session, Rc::clone(&journal), stop.clone()));
    let conductor = Conductor::new(world, clock, operator, Rc::clone(&journal), gate, stop);
    let work = async {
        take_over(args, session, &journal).await?;
        phase::run(&conductor, plan, phase).await
    };
    let tell = |news: News<'_>| output::note(&told(&news));
    let shown = watcher.clock();
    let keep = Box::pin(lease.keep(&journal, &tell));
    let beside = select(abandon, select(Box::pin(tick(session, &shown)), remind));
    let watched = select(Box::pin(work), select(keep, beside)).await;
    // If a call may still be on its way, the lease is kept: a successor on another machine waits until it has lapsed.
    if conductor.gate.is_quiet() {
        release(&lease, journal.records()).await;
    }
    // Only now may the program wait for its readers.
    let leave = interrupted();
    watcher.end(&leave).await;
    match watched {
        Either::Left((Ok(ending), _)) => ended(args, session, phase, &conductor, &ending, &leave).await,
        Either::Left((Err(halt), _)) | Either::Right((Either::Left((halt, _)), _)) => {
            Err(halted(args, session, &journal, halt, &leave).await)
        }
        // The rest can only have ended because the operator interrupted it.
        Either::Right(_) => {
            output::note("stopped at once; steps under way are recorded as started, and the same command resumes them");
            Ok(Exit::Stopped)
        }
    }
}

/// How long the release of a lease may take.
const RELEASE: Duration = Duration::from_secs(5);

/// Releases the lease. One that cannot be released lapses, so nobody waits long for a state that does not answer, and
/// not at all after another signal.
async fn release(lease: &Lease, records: u64) {
    let released = Box::pin(lease.release(records));
    let _ = select(released, select(interrupted(), ThisMachine.sleep(RELEASE))).await;
}

/// The gate of a conductor that holds the lease.
fn gate(session: &Session, lease: &Rc<Lease>, journal: &Rc<Journal>, world: &World) -> Gate {
    let machine = Rc::new(session.machine);
    let gate = Gate::new(Authority::Lease(Rc::clone(lease)), Rc::clone(journal), machine).with_zone(ZoneFence::of(
        session.deployment(),
        world,
        &session.clock,
    ));
    match session.embedded() {
        Some(cloud) => gate.with_faults(Rc::clone(cloud) as _),
        None => gate,
    }
}

/// The conductor has stopped at once. If the state is gone, only this process still knows what happened, and shows it.
async fn halted(args: &PhaseArgs, session: &Session, journal: &Journal, halt: Halt, leave: &Stop) -> CommandError {
    let is_gone = matches!(halt, Halt::Journal(JournalError::Gone { .. }) | Halt::Lease(LeaseLost::Gone { .. }));
    if is_gone {
        let (upgrade, words) = (journal.upgrade().clone(), halt.to_string());
        let status = status(session, &upgrade, false, Some(&words));
        let _ = show_end(args, status, leave).await;
    }
    CommandError::Halted(Box::new(halt))
}

/// The status while this process conducts the upgrade, or once nobody does.
fn status(session: &Session, upgrade: &Upgrade, lives: bool, damage: Option<&str>) -> Status {
    let file = session.file();
    commands_to_type::status(StatusInputs { conductor_lives: Some(lives), ..status_inputs(session, &file, upgrade, damage) })
}

fn status_inputs<'a>(
    session: &'a Session,
    file: &'a str,
    upgrade: &'a Upgrade,
    damage: Option<&'a str>,
) -> StatusInputs<'a> {
    let (deployment, now) = (session.deployment(), session.clock.now());
    StatusInputs { upgrade, deployment, file, now, conductor_lives: None, damage }
}

/// Sets the pace of an embedded cloud's time. AWS has no such setting.
fn set_pace(args: &PhaseArgs, session: &Session) -> Result<(), CommandError> {
    match (args.pace, session.embedded()) {
        (Some(pace), Some(cloud)) => Ok(cloud.set_pace(pace)?),
        (Some(_), None) => {
            let hint = "leave out --pace; `cutover rehearse` shows the upgrade in simulated time";
            Err(CommandError::refused("--pace cannot be used on AWS", hint))
        }
        (None, _) => Ok(()),
    }
}

/// Tells at which pace an embedded cloud's time passes, if an earlier `--pace` has set another one than the file.
fn tell_pace(session: &Session) {
    let Some(pace) = session.embedded().and_then(|cloud| cloud.pace()) else { return };
    let of_file = session.deployment().embedded.pace;
    if pace != of_file {
        output::note(&format!(
            "The embedded cloud's time passes {pace} times as fast as yours, as --pace has set it; the file says {of_file}."
        ));
    }
}

/// How often somebody who has asked the conductor to stop is told what it waits for.
const REMIND: Duration = Duration::from_secs(30);

/// After the first signal, says again and again what the conductor still waits for.
async fn remind(session: &Session, journal: Rc<Journal>, stop: Stop) -> Infallible {
    stop.await;
    loop {
        let status = status(session, &journal.upgrade(), true, None);
        output::note(&show::stopping(&status));
        session.machine.sleep(REMIND).await;
    }
}

fn told(news: &News<'_>) -> String {
    match news {
        News::NotRenewed(error) => not_renewed(error),
        News::StoodStill(length) => {
            format!(
                "this process was suspended for {}; nobody has taken over in the meantime, so it goes on",
                human(*length)
            )
        }
    }
}

fn not_renewed(error: &StoreError) -> String {
    let because = std::error::Error::source(error).map_or_else(String::new, |why| format!(": {why}"));
    format!(
        "the lease could not be renewed ({error}{because}); trying again. No new call is made once it has less than {} \
         seconds left",
        ATTEMPT.as_secs()
    )
}

/// Records who conducts from now on, and which failed steps this operator retries or accepts.
async fn take_over(args: &PhaseArgs, session: &Session, journal: &Journal) -> Result<(), JournalError> {
    let (upgrade, identity) = (session.deployment().upgrade(), session.machine.identity());
    journal.append(Event::ConductorTookOver { upgrade, conductor: identity.to_string() }).await?;
    let retry: BTreeSet<StepId> = args.retry.iter().map(|step| step.as_str().into()).collect();
    for step in retry {
        journal.append(Event::StepRetryApproved { step, by: identity.user.clone() }).await?;
    }
    let accept: BTreeSet<StepId> = args.accept.iter().map(|step| step.as_str().into()).collect();
    for step in accept {
        let (by, because) = (identity.user.clone(), args.because.clone().unwrap_or_default());
        journal.append(Event::StepAccepted { step, by, because }).await?;
    }
    Ok(())
}

/// Updates the time that is shown, for ever.
async fn tick(session: &Session, shown: &Now) -> Infallible {
    loop {
        session.machine.sleep(TICK).await;
        shown.set(session.clock.now());
    }
}

/// The people who decide at gates, about this plan.
fn people(session: &Session, plan: Digest) -> People {
    People {
        store: session.store.clone(),
        clock: Rc::clone(&session.clock),
        say: Rc::new(output::note),
        keyboard: Keyboard::of_this_terminal(),
        file: session.file(),
        plan,
    }
}

/// The last line of `--json`: the status after all progress.
#[derive(Serialize)]
#[serde(tag = "progress", rename = "ended")]
struct Ended {
    status: Status,
}

/// Prints the status at the end, for people or as the last line of `--json`.
async fn show_end(args: &PhaseArgs, status: Status, leave: &Stop) -> Result<(), CommandError> {
    let text = if args.json { output::json_line(&Ended { status })? } else { show::status_text(&status) };
    output::result_in_time(text, leave).await
}

/// Prints how the phase ended and what is next.
async fn ended(
    args: &PhaseArgs,
    session: &Session,
    phase: Phase,
    conductor: &Conductor,
    ending: &Ending,
    leave: &Stop,
) -> Result<Exit, CommandError> {
    let upgrade = conductor.journal.upgrade().clone();
    let status = status(session, &upgrade, false, None);
    let again = again(session, &upgrade, phase);
    let advice = show::after_failure(phase, &again, &status.failed);
    show_end(args, status, leave).await?;
    if let Some(line) = session.connection().and_then(|aws| show::calls(&aws.calls())) {
        output::note(&line);
    }
    Ok(match ending {
        Ending::Finished => Exit::Done,
        Ending::Failed(_) => {
            output::note(&advice);
            Exit::StepFailed
        }
        Ending::Stopped => Exit::Stopped,
    })
}
